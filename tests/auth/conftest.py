"""A bus of its own for each test, and a service that keeps accounts on it."""

from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS

from .desk import Desk


@pytest.fixture
async def account_bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)
    connected = await Bus.connect(settings, "test")
    yield connected
    await connected.drain()


@pytest.fixture
async def empty_desk(account_bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """No process yet: the test starts it with its own settings."""
    for name in ("closing.ASK_SECONDS", "desk.ROUTER_SECONDS", "listing.WAIT_SECONDS"):
        monkeypatch.setattr(f"auth.{name}", PATIENT_SECONDS)
    desk = Desk(account_bus)
    yield desk
    for service in desk.services:
        await service.close()


@pytest.fixture
async def desk(empty_desk: Desk) -> Desk:
    """One process, without limits on tries."""
    await empty_desk.start()
    return empty_desk
