"""EDGE a NATS connection for one command: there within 3 s, or an error that says where not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bus.connection import Bus
from bus.logs import configure_logs
from bus.settings import BusSettings

CONNECT_SECONDS = 3.0


class NatsAway(Exception):
    """Nobody answers at the NATS address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return f"NATS at {self.url} does not answer: is `goimbus up` running?"


@asynccontextmanager
async def brief_bus(settings: BusSettings, name: str) -> AsyncIterator[Bus]:
    """Connect for the time of a `with`. Raises NatsAway, SettingsRefused."""
    configure_logs(name, level="critical")  # the command says itself what went wrong
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            bus = await Bus.connect(settings, name)
    except TimeoutError:
        raise NatsAway(settings.nats_url) from None
    try:
        yield bus
    finally:
        await bus.drain()
