"""The end of retention on a real nats-server, with the clock moved."""

import asyncio

import pytest

from bus.errors import BusError
from bus.stream_api import read_stream_state, request_api
from schemas.messages_pb2 import TopicMessages, Want
from schemas.policies import Policy
from store.sweep import MARGIN_SEQUENCES
from tests.store.harness import StoreProcess, System, bodies
from tests.until import until

HOUR = 3600.0
DAY = 24 * HOUR


async def messages_in(system: System, kind: str) -> int:
    return (await read_stream_state(system.bus, system.subjects.stream(kind))).messages


async def sweep(system: System, process: StoreProcess) -> bool:
    """Sweep once the store knows all that is stored, earlier sweeps included."""
    for barrier in process.store.views.barriers():
        await barrier.wait(30)
    return await process.store.sweeper.sweep(system.clock())


async def missed(system: System, topic: str, after: int) -> TopicMessages:
    return await system.replay_one(Want(topic=topic, has_after=True, after=after))


async def test_a_room_types_messages_are_deleted_when_its_time_is_over(system: System) -> None:
    process = await system.start_store()
    await system.publish_many(["room.live.1", "room.chat.1", "member.7"] * 4, [b"x"] * 12)
    system.clock.ahead = HOUR + 30  # let go, but still there: other clocks may be behind
    assert await sweep(system, process)
    assert await messages_in(system, "ROOM") == 8
    system.clock.ahead = HOUR + 120
    assert await sweep(system, process)
    assert await messages_in(system, "ROOM") == 4
    assert await messages_in(system, "MEMBER") == 4
    assert len((await missed(system, "room.chat.1", 0)).messages) == 4
    system.clock.ahead = 31 * DAY
    assert await sweep(system, process)
    assert await messages_in(system, "ROOM") + await messages_in(system, "MEMBER") == 0
    assert process.store.streams.purged_messages == 12


async def test_a_restarted_store_still_knows_the_gap(system: System) -> None:
    process = await system.start_store()
    await system.publish_many(["room.live.1", "room.live.2"] * 3, [b"x"] * 6)
    system.clock.ahead = HOUR + 120
    await sweep(system, process)
    assert process.store.sweeper.marks_saved == 2
    await system.publish("room.chat.1", b"later")
    await system.stop_store(process)
    await system.start_store()
    seen_one = await missed(system, "room.live.1", 1)
    assert (seen_one.gap_to, list(seen_one.messages), seen_one.reached) == (0, [], 7)
    system.policies.described["live"] = Policy()  # without its window the gap would be told
    assert (await missed(system, "room.live.1", 1)).gap_to == 5
    assert (await missed(system, "room.live.1", 5)).gap_to == 0
    assert await system.last("room.live.1", "room.live.2") == [5, 6]


async def test_no_gap_after_all_history_aged_out_with_nothing_new(system: System) -> None:
    process = await system.start_store()
    last = await system.publish_many(["member.7", "member.8"] * 3, [b"x"] * 6)
    await system.save(7, "ios", {"member.7": last})
    system.clock.ahead = 31 * DAY
    await sweep(system, process)
    assert await messages_in(system, "MEMBER") == 0
    for _ in range(2):
        page = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
        assert (page.gap_to, list(page.messages), page.reached) == (0, [], last)
        newcomer = await system.replay_one(Want(topic="member.7", mid=7, device="new"))
        assert (newcomer.gap_to, list(newcomer.messages)) == (0, [])
        await system.stop_store(process)
        process = await system.start_store()
    system.clock.ahead = 0
    late = await system.publish("member.7", b"new")
    page = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
    assert (page.gap_to, bodies(page.messages), page.reached) == (0, [b"new"], late)


async def test_the_count_limit_is_known_after_a_restart_without_any_mark(system: System) -> None:
    system.policies.described["tiny"] = Policy(retain_messages=3)
    process = await system.start_store()
    for number in range(8):
        await system.publish("room.tiny.1", b"%d" % number, operation=1000 + number % 2)
    for _ in range(2):
        assert (await missed(system, "room.tiny.1", 4)).gap_to == 5
        page = await missed(system, "room.tiny.1", 5)
        assert (page.gap_to, bodies(page.messages)) == (0, [b"5", b"6", b"7"])
        await system.stop_store(process)
        process = await system.start_store()


async def test_one_of_two_stores_sweeps_and_the_other_learns_of_it(system: System) -> None:
    one, two = await system.start_store(), await system.start_store()
    await system.publish("room.chat.1", b"x")
    for process in (one, two):
        await process.store.views.topics["ROOM"].barrier.wait(30)
    system.clock.ahead = 8 * DAY
    swept = await asyncio.gather(sweep(system, one), sweep(system, two))
    assert sorted(swept) == [False, True]
    for process in (one, two):
        await process.store.views.trimmed.barrier.wait(30)
        assert not process.store.views.topics["ROOM"].index.unsaved
    system.clock.ahead += 30
    assert not await sweep(system, one)
    assert not await sweep(system, two)
    system.clock.ahead += 30
    assert await sweep(system, two)


async def test_marks_that_a_crash_left_unsaved_are_saved_by_the_next_sweep(
    system: System,
) -> None:
    one, two = await system.start_store(), await system.start_store()
    await system.publish("room.chat.1", b"x")
    for process in (one, two):
        await process.store.views.topics["ROOM"].barrier.wait(30)
    system.clock.ahead = 8 * DAY
    one.store.sweeper._save_marks = _crash  # type: ignore[method-assign]
    with pytest.raises(BusError):
        await sweep(system, one)
    assert await messages_in(system, "ROOM") == 1, "nothing is deleted before its mark is saved"
    system.clock.ahead += 120
    assert await sweep(system, two)
    assert await messages_in(system, "ROOM") == 0
    await system.stop_store(one)
    await system.stop_store(two)
    await system.start_store()
    assert (await missed(system, "room.chat.1", 0)).gap_to == 1


async def _crash(view: object) -> None:
    raise BusError("cut")


async def test_a_policy_that_grows_is_kept_once_the_stream_holds_as_much(system: System) -> None:
    system.policies.described["chat"] = Policy(retain_messages=1000)
    process = await system.start_store()
    system.policies.described["chat"] = Policy(retain_messages=3000)
    await system.publish_many(["room.chat.1"] * 1200, [b"x"] * 1200)
    page = await missed(system, "room.chat.1", 0)
    assert page.gap_to == 200, "the stream does not hold more yet"
    await sweep(system, process)
    await system.publish_many(["room.chat.1"] * 1000, [b"x"] * 1000)
    got, _ = await system.replay_all(Want(topic="room.chat.1", has_after=True, after=200))
    assert len(got) == 2000


async def test_a_policy_that_shrinks_applies_to_silent_rooms_too(system: System) -> None:
    await system.start_store()
    await system.publish_many(["room.chat.1"] * 9, [b"x"] * 9)
    system.policies.described["chat"] = Policy(retain_messages=2)
    page = await missed(system, "room.chat.1", 3)
    assert (len(page.messages), page.gap_to) == (2, 7)


async def test_a_deleted_stream_comes_back_above_its_sequences_and_the_loss_is_told(
    system: System,
) -> None:
    process = await system.start_store()
    last = await system.publish_many(["member.7"] * 5, [b"x"] * 5)
    await system.save(7, "ios", {"member.7": 3})
    await process.store.views.topics["MEMBER"].barrier.wait(30)
    await sweep(system, process)
    await request_api(system.bus, f"STREAM.DELETE.{system.subjects.stream('MEMBER')}", {})
    system.clock.ahead = 120
    await process.store.sweeper.sweep(system.clock())
    again = await system.publish("member.7", b"after")
    assert again == last + MARGIN_SEQUENCES
    await system.stop_store(process)
    await system.start_store()
    page = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
    assert (bodies(page.messages), page.gap_to) == ([b"after"], again - 1)
    assert (await missed(system, "member.7", again)).gap_to == 0


async def test_a_topic_that_is_none_is_let_go_without_a_mark(system: System) -> None:
    process = await system.start_store()
    await system.bus.call(system.subjects.push("room.a!.b", 1), b"x")
    await process.store.views.topics["ROOM"].barrier.wait(30)
    system.clock.ahead = 8 * DAY
    await sweep(system, process)
    assert process.store.sweeper.marks_saved == 0
    assert not process.store.views.topics["ROOM"].index.unsaved


async def test_a_sweep_that_fails_is_tried_again(system: System) -> None:
    system.more_settings["sweep_seconds"] = 0.02
    process = await system.start_store()
    failed = asyncio.Event()
    ensure = process.store.streams.ensure

    async def failing(policies: object) -> None:
        process.store.streams.ensure = ensure  # type: ignore[method-assign]
        failed.set()
        raise BusError("cut")

    process.store.streams.ensure = failing  # type: ignore[method-assign]
    await failed.wait()
    await system.publish("all", b"x")
    await process.store.views.topics["ALL"].barrier.wait(30)
    system.clock.ahead = 300
    await until(lambda: process.store.streams.purged_messages > 0)
    assert process.store.sweeper.failures == 1
