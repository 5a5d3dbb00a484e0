"""A bus on the shared server, and a server of one's own."""

from collections.abc import AsyncIterator
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


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = await NatsServer(tmp_path / "nats").start()
    yield server
    server.end()
