"""A whole gateway in the test's loop: real sockets, the real nats-server, answers from the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bus.connection import Bus
from bus.metrics import Metrics
from bus.rooms import RoomBook
from bus.settings import BusSettings
from gateway.gateway import Gateway
from gateway.server import Readiness, Server, make_gateway_id
from gateway.settings import Limits, Settings
from schemas.policies import BUILT_IN, DEFAULT, Policy
from tests.bus.conftest import PATIENT_SECONDS
from tests.gateway.clients import Client, TcpClient, WsClient
from tests.gateway.responders import Responders
from tests.until import until

AClient = TypeVar("AClient", bound=Client)


@dataclass
class FakePolicies:
    """The built-in policies, and the test's own."""

    own: dict[str, Policy] = field(default_factory=dict)

    def of(self, room_type: str) -> Policy:
        """Return the policy of a room type."""
        return self.own.get(room_type) or BUILT_IN.get(room_type, DEFAULT)


class Harness(Responders):
    """A gateway, its ports, and all that it talks to."""

    gateway: Gateway
    server: Server
    readiness: Readiness
    policies: FakePolicies
    faults: list[dict[str, Any]]
    clients: list[Client]

    @property
    def ws_port(self) -> int:
        return self.server.ports[0]

    @property
    def tcp_port(self) -> int:
        return self.server.ports[1]

    async def tcp(self, address: str = "127.0.0.1", **token: Any) -> TcpClient:
        """Return a TCP client, logged in when it has a token."""
        return await self.keep(await TcpClient.connect(self.tcp_port, address=address), token)

    async def ws(self, address: str = "127.0.0.1", **token: Any) -> WsClient:
        """Return a WebSocket client, logged in when it has a token."""
        return await self.keep(await WsClient.connect(self.ws_port, address=address), token)

    async def keep(self, client: AClient, token: dict[str, Any]) -> AClient:
        """Log a client in when it has a token, and close it when the test is over."""
        self.clients.append(client)
        if token:
            answer = await client.auth(**token)
            assert answer.operation == 8, answer
        return client

    async def is_true(self, condition: Callable[[], bool]) -> None:
        """Wait until the loop has brought something about."""
        await until(condition)

    async def settled(self) -> None:
        """Wait until all who are connected are live on all of their topics."""
        await self.is_true(
            lambda: not any(one.behind for one in self.gateway.hub.connections.values())
        )

    async def delivered(self) -> None:
        """Wait until the gateway has handled all that was published before."""
        await self.bus.flush()
        await self.gateway.bus.flush()
        topics = self.gateway.interest.topics
        await self.is_true(lambda: not any(one.pending for one in topics.values()))

    async def emptied(self) -> None:
        """Wait until every socket is gone, and check that nothing is left of any."""
        gateway = self.gateway
        await self.is_true(lambda: not gateway.hub.sockets)
        hub = gateway.hub
        assert not hub.addresses
        left = (hub.connections, hub.by_key, hub.by_member, hub.rooms, gateway.interest.topics)
        assert not any(left)
        assert not gateway.stalled
        assert not gateway.fragmenting


@asynccontextmanager
async def running_gateway(
    nats_url: str,
    prefix: str,
    limits: dict[str, Any] | None = None,
    before_start: Callable[[Harness], None] = lambda harness: None,
    with_rooms: bool = False,
    gateway_nats_url: str = "",
    **settings: Any,
) -> AsyncIterator[Harness]:
    """Run a gateway with these settings; checks at the end that no callback has raised."""
    loop = asyncio.get_running_loop()
    bus_settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)
    harness = Harness(await Bus.connect(bus_settings, "test"))
    harness.faults, harness.clients = [], []
    loop.set_exception_handler(lambda _, context: harness.faults.append(context))
    before_start(harness)
    harness.start()
    await harness.bus.flush()
    values: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "tcp_port": 0} | settings
    values.setdefault("drain_seconds", 1.0)
    bus_settings = replace(bus_settings, nats_url=gateway_nats_url or nats_url)
    chosen = Settings(bus=bus_settings, limits=replace(Limits(), **(limits or {})), **values)
    harness.policies = FakePolicies()
    bus = await Bus.connect(bus_settings, "gateway")
    policies: Any = harness.policies
    book = await RoomBook.load(bus) if with_rooms else None
    gateway_id = make_gateway_id(chosen)
    harness.gateway = gateway = Gateway(chosen, bus, policies, gateway_id, "1.0.0", book)
    gateway.start()
    harness.readiness = readiness = Readiness(gateway)
    harness.server = Server(gateway, Metrics(), readiness)
    gateway.spawn(readiness.keep_probing(), "readiness")
    await harness.server.open()
    await bus.flush()  # from now on NATS knows all that it has subscribed to
    try:
        yield harness
    finally:
        for client in harness.clients:
            client.writer.transport.abort()
        await harness.server.drain()
        failed = gateway.failed.is_set()
        gateway.stop_tasks()
        if book is not None:
            await book.close()
        harness.auth.held.clear()  # whoever still waits is told so now, not in another test
        harness.router.held.clear()
        await bus.drain()
        await harness.bus.drain()
        loop.set_exception_handler(None)
    assert not failed
    assert harness.faults == []
    assert bus.callback_errors == 0
