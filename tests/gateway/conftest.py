"""uvloop as when running, a bus of its own for each test, and a router that answers on it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio
import uvloop

from bus.connection import Bus
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS
from tests.gateway.http_servers import FakeRouter


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that services run on: it differs from asyncio's where sockets end."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)
    connected = await Bus.connect(settings, "test")
    yield connected
    await connected.drain()


@pytest_asyncio.fixture
async def router(bus: Bus) -> FakeRouter:
    answering = FakeRouter()
    answering.serve(bus)
    return answering
