"""EDGE the HTTP port's front door: reads a request's head and says who goes on with the socket.

A WebSocket upgrade on `/sub` becomes a WebSocketConnection; everything else goes to uvicorn. The
head has a deadline and a size, which neither library gives it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from gateway.proxies import HEADER
from gateway.settings import Settings
from gateway.websocket import WebSocketConnection

if TYPE_CHECKING:
    from gateway.gateway import Gateway

HEAD_END = b"\r\n\r\n"
GOIM_PATH = b"/sub"
PARSED_BYTES = 8192  # at a time: all requests that are in them are begun at once
SPARE_SOCKETS = 500  # beyond the limit, so that health and pushes are answered when it is reached
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket", re.IGNORECASE)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: "
)
ONCE = (b"host", b"origin", b"sec-websocket-key", b"sec-websocket-version")
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose later requests' heads have a size and a deadline too."""

    def __init__(self, side: "HttpSide") -> None:
        super().__init__(config=side.config, server_state=side.state, app_state={})
        self._side = side
        self._limits = side.limits
        self.heard_at = 0.0
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def leaves_unread(self) -> bool:
        """Whether some of what it was answered is not even with its kernel yet."""
        return self.transport.get_write_buffer_size() > 0

    def data_received(self, data: bytes) -> None:
        """Pass data on, and watch a head that is not whole (asyncio.Protocol)."""
        self.heard_at = self.loop.time()
        for start in range(0, len(data), PARSED_BYTES):
            super().data_received(data[start : start + PARSED_BYTES])
            if self.transport.is_closing():
                return
            if len(self.pipeline) > self._side.most_pipelined:
                self._side.refused["pipelined_requests"] += 1
                self.transport.close()
                return
        if not self.is_idle:
            self._end_head()  # a request is being answered: its body has limits of its own
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._limits.head_bytes:
            self.transport.close()
        elif self._head_timer is None:
            seconds = self._limits.upgrade_seconds
            self._head_timer = self.loop.call_later(seconds, self.transport.close)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone (asyncio.Protocol)."""
        self._end_head()
        super().connection_lost(error)

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class HttpSide:
    """What a front door needs to hand a socket to uvicorn: its config and state, for one app.

    uvicorn answers 503 where `limit_concurrency` sockets are open. That must not be had by sockets
    that ask nothing: before so many are open, the idlest one is ended for each that comes.
    """

    def __init__(self, config: Config, settings: Settings, refused: Counter[str]) -> None:
        self.limits = settings.limits
        self.most_pipelined = settings.http.max_pipelined
        self.refused = refused
        assert config.limit_concurrency is not None
        self._most_idle = config.limit_concurrency * 9 // 10
        if not config.loaded:
            config.load()
        self.config = config
        self.state = ServerState()

    def adopt(self, transport: asyncio.Transport, data: bytes) -> None:
        """Give uvicorn the socket and what was read of it."""
        if len(self.state.connections) >= self._most_idle:
            self._make_room()
        protocol = BoundedHttpProtocol(self)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def _make_room(self) -> None:
        idle = [
            one
            for one in self.state.connections
            if isinstance(one, BoundedHttpProtocol)
            and one.is_idle
            and (one.leaves_unread or not one.transport.is_closing())
        ]
        if not idle:
            return
        self.refused["idle_http_connections"] += 1
        idlest = min(idle, key=lambda one: (one.leaves_unread, one.heard_at))
        if idlest.leaves_unread:
            idlest.transport.abort()  # to be closed it would have to read first
        else:
            idlest.transport.close()
        # It is lost in a later turn of the loop, and more sockets may come in this one.
        self.state.connections.discard(idlest)

    async def drain(self) -> None:
        """Let running requests end."""
        for connection in tuple(self.state.connections):
            connection.shutdown()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks, timeout=5)


class _Head:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def repeats(self, names: Iterable[bytes]) -> bool:
        """Tell whether one of these headers came more than once."""
        count = Counter(name.lower() for name, _ in self.headers)
        return any(count[name] > 1 for name in names)


class FrontDoor(asyncio.Protocol):
    """A socket on the HTTP port whose request is not read yet."""

    websocket_connection = WebSocketConnection  # what an upgrade becomes

    __slots__ = (
        "_buffer",
        "_deadline",
        "_gateway",
        "_http",
        "_transport",
        "address",
        "released",
        "watched",
    )

    def __init__(self, gateway: "Gateway", http: HttpSide) -> None:
        self._gateway = gateway
        self._http = http
        self._buffer = b""
        self._transport: asyncio.Transport
        self._deadline: float | None = gateway.loop.time() + gateway.settings.limits.upgrade_seconds
        self.address = ""
        self.released = False
        self.watched = 0

    @property
    def deadline(self) -> float | None:
        """When the head must be whole; None when the socket was handed on."""
        return self._deadline

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the socket, or turn it away (asyncio.Protocol)."""
        self._transport = transport = cast(asyncio.Transport, transport)
        gateway = self._gateway
        self.address = (transport.get_extra_info("peername") or ("",))[0]
        if gateway.hub.sockets >= gateway.settings.limits.connections + SPARE_SOCKETS:
            self.released = True
            self._refuse("connections", FULL)
            return
        gateway.hub.accept(self.address)
        gateway.deadlines.watch(self, gateway.loop.time())

    def connection_lost(self, error: Exception | None) -> None:
        """Gone before it asked anything (asyncio.Protocol)."""
        self._deadline = None
        self._release()

    def data_received(self, data: bytes) -> None:
        """Wait for the whole head (asyncio.Protocol)."""
        self._buffer += data
        end = self._buffer.find(HEAD_END)
        if self._buffer[:1] < b"\x20":
            self._gateway.count_wrong_transport("goim_frames_or_tls_on_http_port")
            self._transport.close()
        elif end < 0 or end > self._gateway.settings.limits.head_bytes:
            if len(self._buffer) > self._gateway.settings.limits.head_bytes:
                self._refuse("head_bytes", TOO_LARGE)
        else:
            self._deadline = None
            if _UPGRADE.search(self._buffer, 0, end + 2):
                self._upgrade(end)
            else:
                self._release()
                self._http.adopt(self._transport, self._buffer)

    def time_out(self) -> None:
        """The head did not come in time."""
        self._refuse("upgrade_seconds", TIMED_OUT)

    def turn_away(self) -> None:
        """The gateway ends: a client that has asked nothing yet goes elsewhere."""
        if self._deadline is not None:
            self._refuse("draining", FULL)

    def _upgrade(self, end: int) -> None:
        head = _Head()
        parser = httptools.HttpRequestParser(head)
        try:
            parser.feed_data(self._buffer[: end + len(HEAD_END)])
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            self._refuse("bad_request", BAD_REQUEST)
            return
        target = head.target.partition(b"?")[0]
        headers = {name.lower(): value for name, value in head.headers}
        if len(headers) < len(head.headers) and head.repeats(ONCE):
            self._refuse("bad_request", BAD_REQUEST)
            return
        if self._gateway.settings.proxies:
            self._take_address_of([value for name, value in head.headers if name.lower() == HEADER])
        obstacle = self._obstacle()
        if target != GOIM_PATH:
            self._refuse("path", b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n")
        elif obstacle:
            self._refuse(obstacle, FULL)
        elif not self._origin_allowed(headers):
            self._refuse("origin", b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n")
        elif not _is_handshake(parser.get_method(), headers):
            self._refuse("handshake", _handshake_refusal(parser.get_method(), head))
        else:
            self._accept(headers, self._buffer[end + len(HEAD_END) :])

    def _take_address_of(self, forwarded: list[bytes]) -> None:
        """Count the socket as one of the client's, not of the proxy that it came by."""
        gateway = self._gateway
        gateway.hub.release(self.address)
        self.address = gateway.settings.proxies.client_address(self.address, forwarded)
        gateway.hub.accept(self.address)

    def _obstacle(self) -> str:
        """Return "" or the rule that keeps one more client out; this socket is counted already."""
        gateway = self._gateway
        if gateway.draining:
            return "draining"
        gateway.hub.release(self.address)
        rule = gateway.hub.has_place(self.address)
        gateway.hub.accept(self.address)
        return rule

    def _accept(self, headers: dict[bytes, bytes], rest: bytes) -> None:
        accept = accept_key(headers[b"sec-websocket-key"].decode())
        cookie = headers.get(b"cookie", b"").decode("latin-1")
        connection = self.websocket_connection(self._gateway, self.address, cookie)
        self.released = True  # the connection releases the address
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        self._transport.write(SWITCHING + accept.encode() + HEAD_END)
        if rest:
            connection.data_received(rest)

    def _origin_allowed(self, headers: dict[bytes, bytes]) -> bool:
        """An Origin must be listed, or be the page that we serve; none is no browser."""
        origin = headers.get(b"origin")
        allowed = self._gateway.settings.origins
        if origin is None or "*" in allowed:
            return True
        text, host = origin.decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
        return text in allowed or (bool(host) and text.partition("://")[2] == host)

    def _refuse(self, rule: str, answer: bytes) -> None:
        self._gateway.counters.refused[rule] += 1
        self._deadline = None
        self._transport.write(answer)
        self._transport.close()

    def _release(self) -> None:
        if not self.released:
            self.released = True
            self._gateway.release(self.address)


def _is_handshake(method: bytes, headers: dict[bytes, bytes]) -> bool:
    """Tell whether it is an upgrade as RFC 6455 section 4.2.1 wants it."""
    return (
        method == b"GET"
        and headers.get(b"sec-websocket-version") == b"13"
        and b"upgrade" in headers.get(b"connection", b"").lower()
        and _KEY.fullmatch(headers.get(b"sec-websocket-key", b"")) is not None
    )


def _handshake_refusal(method: bytes, head: _Head) -> bytes:
    """Return websockets' own answer to a handshake that is none."""
    headers = Headers()
    for name, value in head.headers:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    request = Request(head.target.decode("latin-1"), headers, method.decode("latin-1"))
    return ServerProtocol().accept(request).serialize()
