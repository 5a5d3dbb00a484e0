"""For the HTTP tests: a router that answers on NATS, and an app on a real port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from google.protobuf.message import Message
from starlette.applications import Starlette
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bus.connection import Bus
from bus.environment import Secret
from bus.errors import RpcError
from bus.metrics import Metrics
from bus.service import Service
from gateway.http_api import HttpSettings, HttpState, make_app
from schemas.messages_pb2 import (
    Backoff,
    Device,
    InstancesReply,
    InstancesRequest,
    MemberPresence,
    MembersReply,
    MembersRequest,
    Node,
    PushReply,
    PushRequest,
    RoomCount,
    RoomsReply,
    RoomsRequest,
    Session,
    TopReply,
    TopRequest,
    TotalReply,
    TotalRequest,
    WeightedReply,
    WeightedRequest,
    WhoReply,
    WhoRequest,
)
from tests.bus.conftest import PATIENT_SECONDS

KEY = "correct horse battery staple"
BEARER = {"Authorization": f"Bearer {KEY}"}
OK = '{"code":0,"message":""}'
PUSH = "/goim/push/all?operation=1000"
ROOMS = {"live://1000": 3, 'live://a<b>&"\u2028é': 1}
NODE = Node(
    gateway="host-1-ab",
    hostname="comet1",
    addresses=["10.0.0.5"],
    tcp_port=3101,
    ws_port=3102,
    weight=10,
    region="sh",
    zone="sh001",
    connections=3,
    client_addresses=1,
    seen_ms=1514764800000,
)


@dataclass
class FakeRouter:
    """Answers what the router does; `refusal` set: with that error instead."""

    requests: list[Message] = field(default_factory=list)
    refusal: RpcError | None = None
    has_nodes: bool = True

    def serve(self, bus: Bus) -> None:
        """Begin to answer."""
        service = Service(bus, "router", "1.0.0", "answers for the tests")
        for name in ("keys", "mids", "room", "all"):
            subject = bus.subjects.rpc("pushes", name)
            service.serve(name, subject, PushRequest, PushReply, self._push)
        served: list[tuple[str, str, type[Any], type[Any], Any]] = [
            ("presence", "top", TopRequest, TopReply, self._top),
            ("presence", "rooms", RoomsRequest, RoomsReply, self._rooms),
            ("presence", "total", TotalRequest, TotalReply, self._total),
            ("presence", "who", WhoRequest, WhoReply, self._who),
            ("presence", "members", MembersRequest, MembersReply, self._members),
            ("nodes", "weighted", WeightedRequest, WeightedReply, self._weighted),
            ("nodes", "instances", InstancesRequest, InstancesReply, self._instances),
        ]
        for name, endpoint, request_type, reply_type, handler in served:
            subject = bus.subjects.rpc(name, endpoint)
            service.serve(endpoint, subject, request_type, reply_type, handler)

    def _take(self, request: Message) -> None:
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal

    async def _push(self, request: PushRequest) -> PushReply:
        self._take(request)
        return PushReply(sessions=2, sequences=[7, 8], dropped=1)

    async def _top(self, request: TopRequest) -> TopReply:
        self._take(request)
        found = [
            RoomCount(room=room.removeprefix("live://"), count=count)
            for room, count in ROOMS.items()
            if room.startswith(request.type)
        ]
        return TopReply(rooms=found[: request.limit])

    async def _rooms(self, request: RoomsRequest) -> RoomsReply:
        self._take(request)
        return RoomsReply(online={room: ROOMS.get(room, 0) for room in request.rooms})

    async def _total(self, request: TotalRequest) -> TotalReply:
        self._take(request)
        return TotalReply(connections=3, client_addresses=1)

    async def _who(self, request: WhoRequest) -> WhoReply:
        self._take(request)
        session = Session(
            session="g.1",
            key="secret-key",
            mid=123,
            room=request.room,
            platform="web",
            since_ms=5,
            gateway="secret-gateway",
        )
        return WhoReply(sessions=[session], found=4)

    async def _members(self, request: MembersRequest) -> MembersReply:
        self._take(request)
        device = Device(device="phone", platform="ios", since_ms=5)
        return MembersReply(
            members=[
                MemberPresence(mid=mid, online=mid == 7, last_seen_ms=mid, devices=[device])
                for mid in request.mids
            ]
        )

    async def _weighted(self, request: WeightedRequest) -> WeightedReply:
        self._take(request)
        if request.platform == "zero":
            return WeightedReply(domain="d")
        return WeightedReply(
            domain="conn.goim.io",
            tcp_port=3101,
            ws_port=3102,
            wss_port=3103,
            heartbeat=240,
            nodes=["comet1.goim.io" if request.platform == "web" else "10.0.0.5"],
            backoff=Backoff(max_delay=300, base_delay=3, factor=1.8, jitter=0.3),
            heartbeat_max=2,
        )

    async def _instances(self, request: InstancesRequest) -> InstancesReply:
        self._take(request)
        return InstancesReply(nodes=[NODE] if self.has_nodes else [])


def state_of(bus: Bus, settings: HttpSettings | None = None, key: str = KEY) -> HttpState:
    """An HTTP side that is ready and has KEY."""
    chosen = settings or HttpSettings(request_seconds=PATIENT_SECONDS)
    return HttpState(bus, Metrics(), list, Secret(key), chosen)


def client_of(state: HttpState, trusted: bool, page: Path | None = None) -> httpx.AsyncClient:
    """A client of an app of its own, without a socket."""
    app = make_app(state, trusted) if page is None else make_app(state, trusted, page)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://goim")


class WireAnswer(NamedTuple):
    """An HTTP response as it came over a socket."""

    status: int
    headers: dict[str, str]
    body: str


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[int]:
    """Serve the app by uvicorn's protocol; yields the port."""
    config = Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in tuple(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks)


async def ask(
    port: int, method: str, target: str, body: bytes | None = None, *headers: str
) -> WireAnswer:
    """Send one request, byte for byte, and read the answer to the connection's end."""
    lines = [f"{method} {target} HTTP/1.1", "Host: logic", "Connection: close", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in lines).encode()
    return await ask_raw(port, head + b"\r\n" + (body or b""))


async def ask_raw(port: int, data: bytes) -> WireAnswer:
    """Send these bytes and read the answer to the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    return WireAnswer(int(first.split()[1]), headers, content.decode())
