"""What is stored is in the cache before anybody asks for it."""

from schemas.messages_pb2 import StoredMessage, Want
from store.arrivals import Arrivals
from store.cache import MessageCache
from tests.store.harness import System
from tests.store.test_stream import streams_of


async def test_messages_of_all_kinds_are_kept_as_they_would_be_read(system: System) -> None:
    await streams_of(system.bus).ensure([])
    cache = MessageCache(10**6, 300.0)
    arrivals = Arrivals(system.bus, cache)
    arrivals.start()
    for topic in ("room.chat.1", "member.5", "all"):
        await system.publish(topic, topic.encode())
    await system.bus.flush()
    for kind, body in (("ROOM", b"room.chat.1"), ("MEMBER", b"member.5"), ("ALL", b"all")):
        message = cache.get((system.subjects.stream(kind), 1), 0.0)
        assert message is not None
        found = StoredMessage.FromString(message)
        assert (found.sequence, found.body, found.time_ms > 0) == (1, body, True)
    assert arrivals.messages == 3
    arrivals.stop()
    await system.publish("all", b"unheard")
    await system.bus.flush()
    assert arrivals.messages == 3


async def test_a_cache_without_place_is_not_filled(system: System) -> None:
    await streams_of(system.bus).ensure([])
    arrivals = Arrivals(system.bus, MessageCache(0, 300.0))
    arrivals.start()
    await system.publish("all", b"x")
    await system.bus.flush()
    assert arrivals.messages == 0


async def test_devices_are_served_what_has_just_come_without_a_read(system: System) -> None:
    process = await system.start_store()
    for number in range(5):
        await system.publish("member.5", b"%d" % number)
    page = await system.replay_one(Want(topic="member.5", mid=5, device="phone"))
    assert [one.body for one in page.messages] == [b"%d" % number for number in range(5)]
    assert process.store.messages.read_messages == 0
