"""EDGE the listening sockets of one worker, its readiness, and its drain."""

import asyncio
import os
import random
import sys
from collections.abc import Awaitable
from functools import partial
from secrets import token_hex
from socket import gethostname

import structlog
from starlette.applications import Starlette
from uvicorn.config import Config

from bus.connection import Bus
from bus.errors import BusError, NoResponders, SettingsRefused
from bus.lifecycle import look_for_cycles_seldom, told_to_stop
from bus.logs import configure_logs
from bus.metrics import Metrics, Reading
from bus.policies import PolicyBook
from bus.readings import bus_readings
from bus.rooms import RoomBook
from gateway.connection import CLOSE_SECONDS
from gateway.front import FrontDoor, HttpSide
from gateway.gateway import Gateway
from gateway.http_api import make_app
from gateway.http_state import HttpState
from gateway.kernel import listen
from gateway.settings import Settings
from gateway.tcp import TcpConnection
from gateway.tls import tls_context
from schemas.close_codes import CloseCode
from schemas.subjects import encode_token

log = structlog.get_logger()

VERSION = "0.1.0"
SERVICES = ("auth", "router", "store")  # pushes and logins need them
PROBE_SECONDS = 0.5


class Readiness:
    """Why this worker can't do its work right now; empty when it can."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._answered: dict[str, float] = {}

    def reasons(self) -> list[str]:
        """Return a sentence for each thing that is wrong."""
        gateway = self._gateway
        if gateway.draining:
            return ["the gateway is shutting down"]
        if not gateway.bus.connected:
            return ["NATS is away"]
        return [f"the {name} service does not answer" for name in SERVICES if self._is_away(name)]

    def readings(self) -> list[Reading]:
        """Give bus.metrics the services that this worker needs."""
        rows: list[tuple[tuple[str, ...], float]]
        rows = [((name,), float(not self._is_away(name))) for name in SERVICES]
        words = "1 while a service answers that pushes and logins need"
        return [("goim_service_up", words, "gauge", ("service",), rows)]

    async def keep_probing(self) -> None:
        """Ask each service for a sign of life, for ever; a silent one keeps no other waiting."""
        async with asyncio.TaskGroup() as probes:
            for name in SERVICES:
                probes.create_task(self._keep_probing(name))

    async def _keep_probing(self, name: str) -> None:
        while True:
            await self._probe(name)
            await asyncio.sleep(PROBE_SECONDS)

    def _is_away(self, name: str) -> bool:
        silent_seconds = self._gateway.settings.silent_seconds
        answered = self._answered.get(name, -silent_seconds)
        return self._gateway.loop.time() - answered >= silent_seconds

    async def _probe(self, name: str) -> None:
        bus, silent_seconds = self._gateway.bus, self._gateway.settings.silent_seconds
        try:
            await bus.call(f"$SRV.PING.{bus.subjects.prefix}-{name}", b"", silent_seconds)
        except NoResponders:
            if name != "auth" or not await self._checks_tokens():
                return
        except BusError:
            return
        self._answered[name] = self._gateway.loop.time()

    async def _checks_tokens(self) -> bool:
        """Tell whether a responder of somebody else's has taken the auth service's place."""
        bus, silent_seconds = self._gateway.bus, self._gateway.settings.silent_seconds
        try:
            await bus.call(bus.subjects.rpc("auth", "check"), b'{"token":""}', silent_seconds)
        except BusError:
            return False
        return True


class Server:
    """The listeners of one worker."""

    front_door = FrontDoor

    def __init__(self, gateway: Gateway, metrics: Metrics, readiness: Readiness) -> None:
        self._gateway = gateway
        self._servers: list[asyncio.Server] = []
        settings = gateway.settings
        state = HttpState(gateway.bus, metrics, readiness.reasons, settings.api_key, settings.http)
        state.policy_of, state.book = gateway.policies.of, gateway.rooms.book
        state.excess, state.proxies = gateway.excess, settings.proxies
        most, refused = settings.http.max_connections, gateway.counters.refused
        public, trusted = (
            HttpSide(_http_config(make_app(state, trusted), most), settings, refused)
            for trusted in (False, True)
        )
        self._public, self._trusted = public, trusted

    async def open(self) -> None:
        """Listen. Raises SettingsRefused when a port can't be had."""
        settings = self._gateway.settings
        tls = None
        if settings.tls_certificate:
            tls = tls_context(settings.tls_certificate, settings.tls_key)
        for port, make, security, host in (
            (settings.port, self._front_door, None, settings.host),
            (settings.wss_port, self._front_door, tls, settings.host),
            (settings.tcp_port, self._tcp_connection, None, settings.host),
            (settings.tls_tcp_port, self._tcp_connection, tls, settings.host),
            (settings.http_port, self._trusted_door, None, settings.http_host),
        ):
            if port < 0:
                continue
            try:
                listener = listen(host, port, settings.limits.send_buffer_bytes)
            except OSError as error:
                raise SettingsRefused([f"can't listen on {host} port {port}: {error}"]) from None
            handshake = settings.limits.upgrade_seconds if security is not None else None
            server = await self._gateway.loop.create_server(
                make,
                sock=listener,
                ssl=security,
                backlog=4096,
                ssl_handshake_timeout=handshake,
            )
            self._servers.append(server)

    @property
    def ports(self) -> list[int]:
        """The ports listened on, in the order public, TLS, TCP, TLS TCP, trusted."""
        return [server.sockets[0].getsockname()[1] for server in self._servers]

    async def drain(self) -> None:
        """Let clients go in jittered order within the drain time, then close what is left."""
        gateway = self._gateway
        gateway.draining = True
        seconds = gateway.settings.drain_seconds
        connections = list(gateway.hub.connections.values())
        random.shuffle(connections)
        for newcomer in tuple(gateway.deadlines.owners()):
            newcomer.turn_away()
        await gateway.leaving.announce(connections, seconds + CLOSE_SECONDS)
        latest = max(0.0, min(seconds / 2, seconds - CLOSE_SECONDS))  # each has time to answer
        for number, connection in enumerate(connections):
            after = seconds * number / max(len(connections), 1)
            gateway.loop.call_later(
                min(after, latest), connection.close, CloseCode.GOING_AWAY, "", after
            )
        await self._until_gone(seconds)
        for server in self._servers:
            server.close()
        await gateway.positions.drain(2.0)
        await gateway.presence.leave()
        await self._public.drain()
        await self._trusted.drain()

    async def _until_gone(self, seconds: float) -> None:
        if not self._gateway.hub.sockets:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._gateway.emptied.wait()
        except TimeoutError:
            log.warning("drain_cut_short", sockets=self._gateway.hub.sockets)

    def _front_door(self) -> FrontDoor:
        return self.front_door(self._gateway, self._public)

    def _trusted_door(self) -> FrontDoor:
        return self.front_door(self._gateway, self._trusted)

    def _tcp_connection(self) -> TcpConnection:
        return TcpConnection(self._gateway, "")


async def serve(settings: Settings) -> None:
    """Run one worker until SIGTERM."""
    configure_logs("gateway", settings.bus.log_format, settings.bus.log_level)
    bus = await Bus.connect(settings.bus, "gateway")
    policies = await PolicyBook.load(bus, settings.policies_file)
    book = await RoomBook.load(bus)
    gateway = Gateway(settings, bus, policies, make_gateway_id(settings), VERSION, book)
    metrics = Metrics()
    metrics.add(book.readings)
    metrics.add(gateway.readings)
    readiness = Readiness(gateway)
    metrics.add(readiness.readings)
    metrics.add(partial(bus_readings, bus))
    server = Server(gateway, metrics, readiness)
    gateway.start()
    gateway.spawn(readiness.keep_probing(), "readiness")
    told = told_to_stop()  # before anybody is let in: who is in is let go in order
    await server.open()
    look_for_cycles_seldom()
    log.info("gateway_listens", gateway=gateway.id, ports=server.ports)
    await first_of(told.wait(), gateway.failed.wait())
    failed = gateway.failed.is_set()
    log.info("gateway_drains", connections=len(gateway.hub.connections))
    await server.drain()
    gateway.stop_tasks()
    await bus.drain()
    if failed:
        sys.exit(1)  # the supervisor starts it anew


async def first_of(*works: Awaitable[object]) -> None:
    """Return when the first of these is done; the others are cancelled."""
    tasks: list[asyncio.Future[object]] = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def make_gateway_id(settings: Settings) -> str:
    """Return an id for this process start, unique for ever and one subject token."""
    host = encode_token((settings.hostname or gethostname())[:40] or "host").replace("=", "_")
    return f"{host}-{os.getpid()}-{token_hex(4)}"


def _http_config(app: Starlette, most_connections: int) -> Config:
    return Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        limit_concurrency=most_connections,
    )
