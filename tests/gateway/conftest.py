"""A bus of its own for each test, and a router that answers on it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bus.connection import Bus
from bus.settings import BusSettings
from tests.gateway.http_servers import FakeRouter


@pytest_asyncio.fixture
async def bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    connected = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "test")
    yield connected
    await connected.drain()


@pytest_asyncio.fixture
async def router(bus: Bus) -> FakeRouter:
    answering = FakeRouter()
    answering.serve(bus)
    return answering
