"""Messages by sequence from a real nats-server."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bus.connection import Bus, Reply
from bus.errors import BusError, RequestTimeout
from bus.stream_api import request_api
from schemas.messages_pb2 import StoredMessage
from store.cache import MessageCache
from store.reading import MOST_IN_FLIGHT, MessageReader
from tests.bus.servers import NatsServer
from tests.store.harness import System, reconnection
from tests.store.test_stream import streams_of


async def filled(system: System, count: int = 10) -> str:
    await streams_of(system.bus).ensure([])
    await system.publish_many(["room.chat.1"] * count, [b"%d" % one for one in range(count)])
    return system.subjects.stream("ROOM")


def body(message: bytes | None) -> bytes:
    assert message is not None
    return StoredMessage.FromString(message).body


async def test_messages_come_in_the_order_asked(system: System) -> None:
    stream = await filled(system)
    reader = MessageReader(system.bus, MessageCache(0, 300.0))
    found = await reader.read([(stream, 7), (stream, 1), (stream, 7)])
    assert [body(one) for one in found] == [b"6", b"0", b"6"]
    assert (reader.read_messages, reader.shared) == (2, 1)


async def test_nothing_asked_is_nothing_read(system: System) -> None:
    assert await MessageReader(system.bus, MessageCache(0, 300.0)).read([]) == []


async def test_what_was_read_is_not_read_again(system: System) -> None:
    stream = await filled(system)
    reader = MessageReader(system.bus, MessageCache(10**6, 300.0))
    wanted = [(stream, sequence) for sequence in range(1, 11)]
    first = await reader.read(wanted)
    assert await reader.read(wanted) == first
    assert (reader.read_messages, reader.cache.hits) == (10, 10)


async def test_more_than_may_be_in_flight_are_read_too(system: System) -> None:
    count = MOST_IN_FLIGHT + 500
    stream = await filled(system, count=count)
    await system.publish_many(["room.chat.1"] * 500, [b"x"] * 500)
    reader = MessageReader(system.bus, MessageCache(0, 300.0))
    sequences = range(count + 500 - 1000, count + 501)  # what one subject still holds
    found = await reader.read([(stream, sequence) for sequence in sequences])
    assert all(found)


async def test_a_message_that_is_gone_is_none_and_the_leader_was_asked(system: System) -> None:
    stream = await filled(system)
    await request_api(system.bus, f"STREAM.MSG.DELETE.{stream}", {"seq": 5, "no_erase": True})
    reader = MessageReader(system.bus, MessageCache(0, 300.0))
    found = await reader.read([(stream, 4), (stream, 5), (stream, 99)])
    assert [one is None for one in found] == [False, True, True]
    assert reader.gone == 2


class LaggingBus:
    """A bus whose direct gets are answered by a replica that has nothing yet."""

    def __init__(self, bus: Bus) -> None:
        self.subjects = bus.subjects
        self._bus = bus

    def request(
        self, subject: str, payload: bytes, on_reply: Callable[[Reply], None], seconds: float
    ) -> None:
        if "DIRECT.GET" in subject:
            on_reply(Reply(b"", b"NATS/1.0 404 Message Not Found\r\n\r\n", None))
        else:
            self._bus.request(subject, payload, on_reply, seconds)


async def test_what_a_lagging_replica_does_not_know_comes_from_the_leader(system: System) -> None:
    await filled(system)
    own = {"Goim-From": "9", "Nats-Sequence": "77"}
    sequence = await system.publish("room.chat.1", b"new", headers=own)
    direct = MessageReader(system.bus, MessageCache(0, 300.0))
    lagging = MessageReader(LaggingBus(system.bus), MessageCache(0, 300.0))  # type: ignore[arg-type]
    wanted = [(system.subjects.stream("ROOM"), one) for one in (1, sequence)]
    assert await lagging.read(wanted) == await direct.read(wanted)
    assert lagging.gone == 0


class ForgetfulBus:
    """A bus on which the first so many requests get no answer."""

    def __init__(self, bus: Bus, silent: int) -> None:
        self.subjects = bus.subjects
        self._bus = bus
        self._silent = silent

    def request(
        self, subject: str, payload: bytes, on_reply: Callable[[Reply], None], seconds: float
    ) -> None:
        self._silent -= 1
        if self._silent >= 0:
            on_reply(Reply(b"", None, RequestTimeout(subject, seconds)))
        else:
            self._bus.request(subject, payload, on_reply, seconds)


async def test_what_is_not_answered_is_asked_again(system: System) -> None:
    stream = await filled(system)
    bus: Any = ForgetfulBus(system.bus, silent=2)
    assert body((await MessageReader(bus, MessageCache(0, 300.0)).read([(stream, 1)]))[0]) == b"0"
    bus = ForgetfulBus(system.bus, silent=3)
    with pytest.raises(RequestTimeout):
        await MessageReader(bus, MessageCache(0, 300.0)).read([(stream, 1)])


async def test_a_subject_no_frame_can_carry_is_unreadable(system: System) -> None:
    stream = await filled(system, count=1)
    await system.bus.call(system.subjects.push("room.chat.1", "words"), b"x")
    reader = MessageReader(system.bus, MessageCache(0, 300.0))
    assert await reader.read([(stream, 2)]) == [None]
    assert reader.unreadable == 1


async def test_a_stream_that_is_not_there_is_an_error(system: System) -> None:
    reader = MessageReader(system.bus, MessageCache(0, 300.0))
    with pytest.raises(BusError):
        await reader.read([("NOWHERE", 1), ("NOWHERE", 2)])


async def test_nats_going_away_fails_what_is_being_read(
    server: NatsServer, own_system: System
) -> None:
    stream = await filled(own_system)
    reader = MessageReader(own_system.bus, MessageCache(0, 300.0))
    server.freeze()
    reading = asyncio.create_task(reader.read([(stream, 1), (stream, 2)]))
    await asyncio.sleep(0)  # the task has asked
    back = reconnection(own_system.bus)
    server.kill()
    with pytest.raises(BusError):
        await reading
    await server.start()
    await back
    assert body((await reader.read([(stream, 1)]))[0]) == b"0"
