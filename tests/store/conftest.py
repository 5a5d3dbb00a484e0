"""A system of the test's own on the shared nats-server, and one on a server it may kill."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bus.servers import NatsServer
from tests.store.harness import System


@pytest.fixture
async def system(nats_url: str, prefix: str) -> AsyncIterator[System]:
    system = await System(nats_url, prefix).connect()
    yield system
    await system.stop()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = await NatsServer(tmp_path / "nats").start()
    yield server
    server.end()


@pytest.fixture
async def own_system(server: NatsServer, prefix: str) -> AsyncIterator[System]:
    system = await System(server.url, prefix).connect()
    yield system
    await system.stop()
