import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from nats.js.api import StorageType, StreamConfig

from bus.connection import Bus
from bus.direct import DirectSubscription, OnMessage
from bus.errors import ReaderBehind
from bus.ordered import SILENCE_SECONDS, Entry, OrderedReader
from bus.settings import BusSettings
from bus.stream_api import StreamState, read_stream_state
from schemas.headers import header_value
from tests.bus.conftest import PATIENT_SECONDS
from tests.bus.servers import NatsServer

SHORT_SILENCE_SECONDS = 0.6  # a loaded machine may take it for the end


class View:
    """What a reader has handed over."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.resets = 0
        self.was_reset = asyncio.Event()
        self.has_some = asyncio.Event()

    def take(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.has_some.set()

    def reset(self) -> None:
        self.entries.clear()
        self.resets += 1
        self.was_reset.set()

    @property
    def sequences(self) -> list[int]:
        return [entry.sequence for entry in self.entries]


class LossyBus(Bus):
    """A bus whose deliveries pass a filter: `drops(reply)` true loses one."""

    drops: Callable[[bytes], bool] = staticmethod(lambda reply: False)

    def subscribe(self, subject: str, on_message: OnMessage, queue: str = "") -> DirectSubscription:
        def filtered(subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            if not self.drops(reply):
                on_message(subject, reply, payload, headers)

        return super().subscribe(subject, filtered, queue)


@pytest.fixture
async def stream(bus: Bus) -> str:
    return await make_stream(bus)


async def make_stream(bus: Bus, storage: StorageType = StorageType.MEMORY) -> str:
    name = bus.subjects.stream("ROOM")
    config = StreamConfig(name=name, subjects=[subject(bus)], storage=storage)
    await bus.jetstream.add_stream(config)
    return name


def subject(bus: Bus) -> str:
    return bus.subjects.push("room.live.1", 1000)


async def publish(bus: Bus, stream: str, count: int) -> int:
    """Store so many messages and return the stream's last sequence."""
    wanted = (await read_stream_state(bus, stream)).last_sequence + count
    for number in range(count - 1):
        bus.publish(subject(bus), b"%d" % number)
    await bus.call(subject(bus), b"last", seconds=30)
    assert (await read_stream_state(bus, stream)).last_sequence == wanted
    return wanted


@asynccontextmanager
async def reading(
    bus: Bus,
    stream: str,
    view: View,
    start_sequence: int = 1,
    headers_only: bool = False,
    silence_seconds: float = SILENCE_SECONDS,
) -> AsyncIterator[OrderedReader]:
    reader = OrderedReader(
        bus, stream, view.take, headers_only, start_sequence, view.reset, silence_seconds
    )
    reader.start()
    yield reader
    await reader.stop()


reading_quickly = partial(reading, silence_seconds=SHORT_SILENCE_SECONDS)


async def test_what_is_stored_comes_first_and_what_is_published_follows(
    bus: Bus, stream: str
) -> None:
    view = View()
    await publish(bus, stream, 500)
    async with reading(bus, stream, view) as reader:
        await reader.wait_for(500, PATIENT_SECONDS)
        last = await publish(bus, stream, 500)
        await reader.wait_for(last, PATIENT_SECONDS)
    assert view.sequences == list(range(1, 1001))
    assert view.entries[3].payload == b"3"
    assert view.entries[3].subject == subject(bus)
    assert view.entries[3].headers is None
    times = [entry.time_ns for entry in view.entries]
    assert times == sorted(times)
    assert times[0] > 1_700_000_000 * 10**9
    assert (reader.entries, reader.restarts, reader.gaps) == (1000, 0, 0)


async def test_a_reader_works_on_nats_pys_own_delivery(settings: BusSettings) -> None:
    bus = await Bus.connect(replace(settings, direct=False), "test")
    stream = await make_stream(bus)
    view = View()
    await publish(bus, stream, 3000)
    async with reading(bus, stream, view) as reader:
        await reader.wait_for(await publish(bus, stream, 10), PATIENT_SECONDS)
    await bus.drain()
    assert view.sequences == list(range(1, 3011))
    assert reader.gaps == 0


async def test_headers_only_leaves_the_payload_out(bus: Bus, stream: str) -> None:
    view = View()
    await bus.call(subject(bus), b"twelve bytes", headers=b"NATS/1.0\r\nGoim-From: 7\r\n\r\n")
    async with reading(bus, stream, view, headers_only=True) as reader:
        await reader.wait_for(1, PATIENT_SECONDS)
    (entry,) = view.entries
    assert entry.payload == b""
    assert header_value(entry.headers, "Goim-From") == "7"
    assert header_value(entry.headers, "Nats-Msg-Size") == "12"


async def test_reading_begins_at_the_start_sequence(bus: Bus, stream: str) -> None:
    view = View()
    await publish(bus, stream, 20)
    async with reading(bus, stream, view, start_sequence=15) as reader:
        assert reader.reached == 14
        await reader.wait_for(20, PATIENT_SECONDS)
    assert view.sequences == list(range(15, 21))


async def test_only_the_last_message_of_each_subject_is_read_and_then_all_that_come(
    bus: Bus,
) -> None:
    name = bus.subjects.stream("EVENT")
    every = bus.subjects.session_event("*", "*")
    await bus.jetstream.add_stream(StreamConfig(name=name, subjects=[every, f"{name}.other"]))
    seven, eight = (bus.subjects.session_event(mid, "online") for mid in (7, 8))
    for subject_of_it in (seven, seven, eight, f"{name}.other"):
        await bus.call(subject_of_it, b"x")
    view = View()
    reader = OrderedReader(bus, name, view.take, headers_only=False, last_of=every)
    reader.start()
    await reader.wait_for(4, PATIENT_SECONDS)
    assert [(one.sequence, one.subject) for one in view.entries] == [(2, seven), (3, eight)]
    for subject_of_it in (f"{name}.other", seven, seven):
        await bus.call(subject_of_it, b"x")
    await reader.wait_for(7, PATIENT_SECONDS)
    assert view.sequences == [2, 3, 6, 7]
    await reader.stop()


async def test_a_killed_and_restarted_server_costs_and_doubles_nothing(
    server: NatsServer, prefix: str
) -> None:
    bus = await Bus.connect(BusSettings(nats_url=server.url, prefix=prefix), "test")
    stream = await make_stream(bus, StorageType.FILE)
    view = View()
    await publish(bus, stream, 10_000)
    async with reading(bus, stream, view) as reader:
        await view.has_some.wait()
        reconnected = asyncio.Event()
        bus.on_reconnect.append(reconnected.set)
        server.kill()
        assert len(view.entries) < 10_000
        await server.start()
        await reconnected.wait()
        last = await publish(bus, stream, 10_000)
        await reader.wait_for(last, PATIENT_SECONDS)
    await bus.drain()
    assert view.sequences == list(range(1, 20_001))
    assert view.resets == 0
    assert reader.restarts >= 1


async def test_deleted_messages_are_passed_over(bus: Bus, stream: str) -> None:
    view = View()
    await publish(bus, stream, 10)
    for sequence in (4, 5, 9, 10):
        await bus.jetstream.delete_msg(stream, sequence)
    async with reading(bus, stream, view) as reader:
        await reader.wait_for(10, PATIENT_SECONDS)
        assert reader.reached == 10
    assert view.sequences == [1, 2, 3, 6, 7, 8]
    assert reader.gaps == 0


async def test_sequences_that_never_come_are_reached_too(bus: Bus, stream: str) -> None:
    await publish(bus, stream, 5)
    async with reading(bus, stream, View()) as reader:
        await reader.wait_for(5, PATIENT_SECONDS)
        await bus.jetstream.purge_stream(stream, seq=1000)
        assert (await read_stream_state(bus, stream)).last_sequence == 999
        await reader.wait_for(999, PATIENT_SECONDS)
        assert reader.gaps == 0


async def test_a_purged_stream_is_read_to_its_end(bus: Bus, stream: str) -> None:
    view = View()
    await publish(bus, stream, 50)
    await bus.jetstream.purge_stream(stream)
    async with reading(bus, stream, view) as reader:
        await reader.wait_for(50, PATIENT_SECONDS)
        last = await publish(bus, stream, 3)
        await reader.wait_for(last, PATIENT_SECONDS)
    assert view.sequences == [51, 52, 53]


async def test_a_stream_made_anew_resets_the_view(bus: Bus, stream: str) -> None:
    view = View()
    await publish(bus, stream, 5)
    async with reading_quickly(bus, stream, view) as reader:
        await reader.wait_for(5, PATIENT_SECONDS)
        await bus.jetstream.delete_stream(stream)
        await make_stream(bus)
        await publish(bus, stream, 30)
        await view.was_reset.wait()
        await reader.wait_for(30, PATIENT_SECONDS)
    assert view.sequences == list(range(1, 31))
    assert reader.resets == 1


async def test_a_stream_that_lost_its_end_resets_the_view(bus: Bus, stream: str) -> None:
    view = View()
    await publish(bus, stream, 5)
    async with reading(bus, stream, view, start_sequence=9) as reader:
        await view.was_reset.wait()
        await reader.wait_for(5, PATIENT_SECONDS)
    assert view.sequences == [1, 2, 3, 4, 5]


async def test_a_missing_delivery_is_read_again(settings: BusSettings) -> None:
    bus = await LossyBus.connect(settings, "test")
    stream = await make_stream(bus)
    view = View()
    await publish(bus, stream, 300)
    lost: list[bytes] = []

    def drops(reply: bytes) -> bool:
        if reply.startswith(b"$JS.ACK.") and reply.split(b".")[-4] == b"120" and not lost:
            lost.append(reply)
            return True
        return False

    bus.drops = drops
    async with reading(bus, stream, view) as reader:
        await reader.wait_for(300, PATIENT_SECONDS)
    await bus.drain()
    assert view.sequences == list(range(1, 301))
    assert (len(lost), reader.gaps, reader.restarts) == (1, 1, 1)


async def test_a_missing_last_delivery_shows_in_the_heartbeat(settings: BusSettings) -> None:
    bus = await LossyBus.connect(settings, "test")
    stream = await make_stream(bus)
    view = View()
    await publish(bus, stream, 10)
    lost: list[bytes] = []

    def drops(reply: bytes) -> bool:
        if reply.startswith(b"$JS.ACK.") and reply.split(b".")[-4] == b"10" and not lost:
            lost.append(reply)
            return True
        return False

    bus.drops = drops
    async with reading(bus, stream, view) as reader:
        await reader.wait_for(10, PATIENT_SECONDS)
    await bus.drain()
    assert view.sequences == list(range(1, 11))
    assert reader.gaps == 1


async def test_a_consumer_that_somebody_deleted_is_made_again(bus: Bus, stream: str) -> None:
    view = View()
    await publish(bus, stream, 3)
    async with reading_quickly(bus, stream, view) as reader:
        await reader.wait_for(3, PATIENT_SECONDS)
        for consumer in await bus.jetstream.consumers_info(stream):
            await bus.jetstream.delete_consumer(stream, consumer.name)
        last = await publish(bus, stream, 3)
        await reader.wait_for(last, PATIENT_SECONDS)
    assert view.sequences == [1, 2, 3, 4, 5, 6]


async def test_a_stream_that_is_not_there_yet_is_waited_for(bus: Bus) -> None:
    view = View()
    async with reading(bus, bus.subjects.stream("ROOM"), view) as reader:
        with pytest.raises(ReaderBehind) as caught:
            await reader.wait_for(1, 0.01)
        assert caught.value.reached == 0
        stream = await make_stream(bus)
        last = await publish(bus, stream, 2)
        await reader.wait_for(last, PATIENT_SECONDS)
    assert view.sequences == [1, 2]


async def test_an_entry_that_raises_is_counted_and_passed_over(bus: Bus, stream: str) -> None:
    view = View()

    def refuse_the_third(entry: Entry) -> None:
        if entry.sequence == 3:
            raise ValueError
        view.take(entry)

    await publish(bus, stream, 5)
    reader = OrderedReader(bus, stream, refuse_the_third, headers_only=False)
    reader.start()
    await reader.wait_for(5, PATIENT_SECONDS)
    await reader.stop()
    assert view.sequences == [1, 2, 4, 5]
    assert reader.entry_errors == 1


async def test_a_stopped_reader_hands_nothing_over(bus: Bus, stream: str) -> None:
    view = View()
    async with reading(bus, stream, view) as reader:
        await publish(bus, stream, 2)
        await reader.wait_for(2, PATIENT_SECONDS)
    await publish(bus, stream, 2)
    await bus.flush()
    assert view.sequences == [1, 2]
    assert bus.on_reconnect == []


async def test_many_wait_and_those_who_give_up_are_forgotten(bus: Bus, stream: str) -> None:
    async with reading(bus, stream, View()) as reader:
        waits = [asyncio.create_task(reader.wait_for(2, PATIENT_SECONDS)) for _ in range(10)]
        with pytest.raises(ReaderBehind):
            await reader.wait_for(99, 0.01)
        waits.pop().cancel()
        await publish(bus, stream, 2)
        await asyncio.gather(*waits)
        assert len(reader._waiters) == 0


async def test_what_is_delivered_while_the_stream_is_asked_is_no_sign_of_a_loss(
    bus: Bus, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View()
    reader = OrderedReader(bus, stream, view.take, headers_only=True, on_reset=view.reset)

    async def read_late(bus: Bus, stream: str) -> StreamState:
        state = await read_stream_state(bus, stream)
        if reader._subscription is not None:
            await reader.wait_for(await publish(bus, stream, 1), PATIENT_SECONDS)
        return state

    await publish(bus, stream, 3)
    monkeypatch.setattr("bus.ordered.read_stream_state", read_late)
    reader.start()
    await reader.wait_for(4, PATIENT_SECONDS)
    await reader.stop()
    assert view.sequences == [1, 2, 3, 4]
    assert reader.resets == view.resets == 0
