"""Publishing while nats-server dies and comes back: nothing acked is lost, nothing is twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.settings import BusSettings
from router.batches import Ack, Message, Outcome
from router.errors import NotConfirmed
from router.lane import Lane
from router.publisher import Publisher
from router.settings import PublisherSettings
from tests.bus.servers import NatsServer
from tests.router.streams import PATIENT, make_streams, read_stream
from tests.until import until

HASTY = PublisherSettings(seconds=0.3)
WRITERS = 8
KILLS = 3


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = await NatsServer(tmp_path / "nats").start()
    yield server
    server.end()


@pytest.fixture
async def own_bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(
        BusSettings(nats_url=server.url, ping_seconds=0.5, request_seconds=30), "test"
    )
    await make_streams(bus)
    yield bus
    with contextlib.suppress(OSError):
        await bus.drain()


class Ledger:
    """What writers were told, and what was confirmed to them under which sequence."""

    def __init__(self) -> None:
        self.told: dict[str, list[bytes]] = {}
        self.acked: dict[int, list[bytes]] = {}
        self.stopping = False
        self._changed = asyncio.Condition()

    async def write_in_bursts(self, publisher: Publisher, topic: str) -> None:
        """Store bursts of 1 to 60 messages until `stopping`."""
        told = self.told[topic] = []
        burst = 0
        while not self.stopping:
            burst = burst % 60 + 1
            bodies = [f"{topic} {len(told) + number}".encode() for number in range(burst)]
            told += bodies
            outcomes = await asyncio.gather(
                *(publisher.store_one(topic, 1, body) for body in bodies)
            )
            for body, outcome in zip(bodies, outcomes, strict=True):
                assert outcome.error is None
                self.acked.setdefault(outcome.sequence, []).append(body)
            async with self._changed:
                self._changed.notify_all()

    async def more(self, number: int) -> None:
        """Return when so many more are confirmed."""
        goal = len(self.acked) + number
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.acked) >= goal)


async def test_kill_9_of_nats_loses_nothing_acked_and_stores_nothing_twice(
    server: NatsServer, own_bus: Bus
) -> None:
    publisher = Publisher(own_bus, PublisherSettings(seconds=30, attempt_seconds=1))
    ledger = Ledger()
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(ledger.write_in_bursts(publisher, f"room.live.{number}"))
        for _ in range(KILLS):
            await ledger.more(400)
            server.kill()
            await server.start()
        await ledger.more(400)
        ledger.stopping = True
    stored = await read_stream(own_bus, "ROOM")
    bodies = [message.body for message in stored]
    assert publisher.counts["publish_retries"] > 0
    assert len(bodies) == len(set(bodies))
    assert ledger.acked == {message.sequence: [message.body] for message in stored}
    for topic, told in ledger.told.items():
        assert [body for body in bodies if body.startswith(f"{topic} ".encode())] == told
    publisher.close()


async def test_while_nats_is_away_messages_end_with_an_error_after_their_time(
    server: NatsServer, own_bus: Bus
) -> None:
    patient, publisher = (Publisher(own_bus, one) for one in (PATIENT, HASTY))
    assert (await patient.store_one("all", 1, b"before")).sequence == 1
    patient.close()
    server.kill()
    outcomes = await asyncio.gather(
        *(publisher.store_one("all", 1, b"%d" % number) for number in range(50))
    )
    assert all(isinstance(one.error, NotConfirmed) for one in outcomes)
    assert all(one.error is not None and one.error.code == 503 for one in outcomes)
    await publisher.flush()
    publisher.close()


async def test_a_frozen_nats_is_tried_again_and_nothing_is_stored_twice(
    server: NatsServer, own_bus: Bus
) -> None:
    publisher = Publisher(own_bus, PublisherSettings(seconds=30, attempt_seconds=0.2))
    server.freeze()
    storing = asyncio.gather(
        *(publisher.store_one(f"room.live.{number % 3}", 1, b"%d" % number) for number in range(90))
    )
    await until(lambda: publisher.counts["publish_retries"] > 0)
    assert not storing.done()
    server.thaw()
    outcomes = await storing
    stored = await read_stream(own_bus, "ROOM")
    assert [message.body for message in stored] == [b"%d" % number for number in range(90)]
    assert [one.sequence for one in outcomes] == [message.sequence for message in stored]
    publisher.close()


async def test_a_fault_of_ours_in_a_flight_is_survived_and_nothing_is_stored_twice(
    own_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Publisher(own_bus, PublisherSettings(seconds=30))
    await publisher.store_one("all", 1, b"first")
    send_batch, faults = Lane._send_batch, [ValueError("a fault")]

    async def send_and_fail(lane: Lane, messages: list[Message]) -> Ack | None:
        ack = await send_batch(lane, messages)
        if faults:
            raise faults.pop()
        return ack

    monkeypatch.setattr(Lane, "_send_batch", send_and_fail)
    outcomes = await asyncio.gather(
        *(publisher.store_one("all", 1, b"%d" % number) for number in range(50))
    )
    stored = await read_stream(own_bus, "ALL")
    assert not faults
    assert [message.body for message in stored[1:]] == [b"%d" % number for number in range(50)]
    assert [one.sequence for one in outcomes] == [message.sequence for message in stored[1:]]
    publisher.close()


async def test_kill_9_of_nats_stores_both_copies_of_each_direct_message_once_and_in_order(
    server: NatsServer, own_bus: Bus
) -> None:
    publisher = Publisher(own_bus, PublisherSettings(seconds=30, attempt_seconds=1))
    told: dict[tuple[str, str], list[bytes]] = {}
    stored, stopping = asyncio.Semaphore(0), False

    async def write(number: int) -> None:
        topics = (f"member.{number + 10}", f"member.{number}")
        bodies = told[topics] = []
        while not stopping:
            for _ in range(len(bodies) % 7 + 1):
                bodies.append(b"%d %d" % (number, len(bodies)))
                done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
                name = f"id {bodies[-1].decode()}"
                publisher.store_pair(topics, 1, bodies[-1], done.set_result, None, name)
            assert (await done).error is None
            stored.release()

    async with asyncio.TaskGroup() as writers:
        for number in range(1, WRITERS + 1):
            writers.create_task(write(number))
        for _ in range(KILLS):
            for _ in range(100):
                await stored.acquire()
            server.kill()
            await server.start()
        for _ in range(100):
            await stored.acquire()
        stopping = True
    await publisher.flush()
    found: dict[str, list[bytes]] = {}
    for message in await read_stream(own_bus, "MEMBER"):
        topic = own_bus.subjects.pushed_topic(message.subject)[0]
        found.setdefault(topic, []).append(message.body)
    assert publisher.counts["publish_retries"] > 0
    assert found == {topic: bodies for topics, bodies in told.items() for topic in topics}
    publisher.close()
