"""A bus on the shared server, and a server of one's own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.settings import BusSettings
from tests.bus.servers import NatsServer


@pytest.fixture
def settings(nats_url: str, prefix: str) -> BusSettings:
    return BusSettings(nats_url=nats_url, prefix=prefix)


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
