"""A bus of its own for each test, and a service that keeps accounts on it."""

from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from bus.settings import BusSettings

from .desk import Desk


@pytest.fixture
async def account_bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    connected = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "test")
    yield connected
    await connected.drain()


@pytest.fixture
async def empty_desk(account_bus: Bus) -> AsyncIterator[Desk]:
    """No process yet: the test starts it with its own settings."""
    desk = Desk(account_bus)
    yield desk
    for service in desk.services:
        await service.close()


@pytest.fixture
async def desk(empty_desk: Desk) -> Desk:
    """One process, without limits on tries."""
    await empty_desk.start()
    return empty_desk
