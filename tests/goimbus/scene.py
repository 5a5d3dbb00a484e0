"""A client and the scripted gateway it is logged in at, for the tests of the client."""

import asyncio
from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest

from goimbus.client import Client
from goimbus.client_connection import ClientLimits
from schemas.operations import Operation
from tests.goimbus.fake_gateway import TRANSPORTS, FakeConnection, FakeGateway, fake_gateway

ROOM = "live://1000"
TOPIC = f"room:{ROOM}"
QUICK = ClientLimits(acknowledge_seconds=0)


@pytest.fixture(name="gateway", params=TRANSPORTS)
async def running_gateway(request: pytest.FixtureRequest) -> AsyncIterator[FakeGateway]:
    """A scripted gateway, by WebSocket and by TCP; a test file imports it to have `gateway`."""
    async with fake_gateway(request.param) as running:
        yield running


def client_of(gateway: FakeGateway, **options: Any) -> Client:
    """A client that comes back at once."""
    options.setdefault("limits", QUICK)
    return Client(gateway.url, jitter=lambda: 0.0, **options)


def pass_time(seconds: float) -> None:
    """Move the clock of this test's loop on: what is due by then comes at once."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds  # type: ignore[method-assign]


class Scene:
    """A client that is logged in, and the gateway's end of its connection."""

    def __init__(self, client: Client, connection: FakeConnection, asked: dict[str, Any]) -> None:
        self.client = client
        self.connection = connection
        self.asked = asked

    async def take(self, count: int) -> list[Any]:
        """Return the next items that the application gets."""
        return [await anext(self.client) for _ in range(count)]


async def enter(gateway: FakeGateway, client: Client, **told: Any) -> Scene:
    """Log a client in."""
    entering = asyncio.create_task(client.__aenter__())
    connection = await gateway.accept()
    asked = await connection.log_in(**told)
    await entering
    return Scene(client, connection, asked)


async def acknowledged(connection: FakeConnection) -> dict[str, Any]:
    """Return the next op 18 body."""
    frame = await connection.read()
    assert frame.operation == Operation.ACKNOWLEDGE
    values: dict[str, Any] = loads(frame.body)
    return values
