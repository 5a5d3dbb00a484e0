"""What an operator deletes from a stream is served to nobody any longer."""

import pytest

from bus.stream_api import request_api
from schemas.messages_pb2 import Want
from store.deletions import MOST_SEQUENCE, deleted_range
from tests.store.harness import System, bodies


async def served(system: System, topic: str = "room.chat.1") -> list[bytes]:
    page = await system.replay_one(Want(topic=topic, has_after=True, after=0))
    return bodies(page.messages)


async def filled(system: System) -> str:
    """Publish messages that the store has heard and served; return their stream."""
    await system.start_store()
    for number in range(4):
        await system.publish("room.chat.1", b"%d" % number)
    await system.publish("room.chat.2", b"other")
    assert await served(system) == [b"0", b"1", b"2", b"3"]
    return system.subjects.stream("ROOM")


@pytest.mark.parametrize("no_erase", [True, False])
async def test_a_deleted_message_is_not_served_from_memory(system: System, no_erase: bool) -> None:
    stream = await filled(system)
    request = {"seq": 2, "no_erase": no_erase}
    await request_api(system.bus, f"STREAM.MSG.DELETE.{stream}", request)
    assert await served(system) == [b"0", b"2", b"3"]


async def test_what_was_purged_below_a_sequence_is_not_served(system: System) -> None:
    stream = await filled(system)
    await request_api(system.bus, f"STREAM.PURGE.{stream}", {"seq": 3})
    assert await served(system) == [b"2", b"3"]


async def test_a_purged_room_is_empty_and_others_are_not(system: System) -> None:
    stream = await filled(system)
    subject = system.subjects.push("room.chat.1", "*")
    await request_api(system.bus, f"STREAM.PURGE.{stream}", {"filter": subject})
    assert await served(system) == []
    assert await served(system, "room.chat.2") == [b"other"]


async def test_a_refused_deletion_takes_nothing_away(system: System) -> None:
    stream = await filled(system)
    reply = await system.bus.call(f"$JS.API.STREAM.MSG.DELETE.{stream}", b"nonsense")
    assert b'"error"' in reply.payload
    assert await served(system) == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("verb", "payload", "expected"),
    [
        ("MSG.DELETE", b'{"seq":5,"no_erase":true}', (5, 5)),
        ("PURGE", b'{"seq":5,"filter":"goim.push.all.*"}', (0, 4)),
        ("PURGE", b'{"filter":"goim.push.all.*"}', (0, MOST_SEQUENCE)),
        ("PURGE", b'{"keep":3}', (0, MOST_SEQUENCE)),
        ("PURGE", b"", (0, MOST_SEQUENCE)),
        ("MSG.DELETE", b"nonsense", (0, MOST_SEQUENCE)),
        ("MSG.DELETE", b"[" * 100_000, (0, MOST_SEQUENCE)),
        ("MSG.DELETE", b'{"seq":"5"}', (0, MOST_SEQUENCE)),
        ("MSG.DELETE", b'{"seq":-5}', (0, MOST_SEQUENCE)),
        ("MSG.DELETE", b"[5]", (0, MOST_SEQUENCE)),
    ],
)
def test_the_range_that_a_request_deletes(
    verb: str, payload: bytes, expected: tuple[int, int]
) -> None:
    assert deleted_range(verb, payload) == expected
