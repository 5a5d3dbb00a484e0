"""A bus on the shared server, and a server of one's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.outage import Outage
from bus.settings import BusSettings
from tests.bus.servers import NatsServer

PATIENT_SECONDS = 20.0  # for an answer: the disk of a loaded machine takes its time


@pytest.fixture
def settings(nats_url: str, prefix: str) -> BusSettings:
    return BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)


@pytest.fixture
async def bus(settings: BusSettings) -> AsyncIterator[Bus]:
    bus = await Bus.connect(settings, "test")
    yield bus
    await bus.drain()


MakeServer = Callable[..., NatsServer]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Makes servers that are not started yet and end with the test; `make_server(config)`."""
    servers: list[NatsServer] = []

    def make(more_config: str = "") -> NatsServer:
        servers.append(NatsServer(tmp_path / f"nats{len(servers)}", more_config))
        return servers[-1]

    yield make
    for server in servers:
        server.end()


@pytest.fixture
async def server(make_server: MakeServer) -> NatsServer:
    """A server of the test's own."""
    return await make_server().start()


Connect = Callable[[BusSettings], Awaitable[Bus]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects buses that are drained when the test ends."""
    buses: list[Bus] = []

    async def connect(settings: BusSettings) -> Bus:
        buses.append(await Bus.connect(settings, "test"))
        return buses[-1]

    yield connect
    for bus in buses:
        await bus.drain()


class Failures:
    """How often a connection to NATS could not be made."""

    def __init__(self) -> None:
        self._count = 0
        self._counted = asyncio.Event()

    def note(self) -> None:
        self._count += 1
        self._counted.set()

    async def more(self, count: int) -> None:
        """Wait for so many more."""
        end = self._count + count
        while self._count < end:
            self._counted.clear()
            await self._counted.wait()


@pytest.fixture
async def failures(monkeypatch: pytest.MonkeyPatch) -> Failures:
    """Counts the attempts that fail while a test runs; they are told in the log as always."""
    failures, note_failure = Failures(), Outage.note_failure

    def note(outage: Outage, error: Exception) -> None:
        note_failure(outage, error)
        failures.note()

    monkeypatch.setattr(Outage, "note_failure", note)
    return failures
