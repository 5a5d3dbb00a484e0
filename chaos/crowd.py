"""EDGE very many small clients with the extensions over TCP, from many loopback addresses.

Each is a member of its own that tells where it is when it comes; what is due to it is one message
a number, so that a lost, repeated or swapped one is seen.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from json import dumps, loads
from typing import Any, cast

from schemas.frame import Frame, decode_frames, encode_frame
from schemas.operations import Operation

ADDRESSES = 200  # loopback addresses that clients come from
OPERATION = 1000
WRAP = 2**32
MOST_BODY_BYTES = 1 << 20
RETRY_SECONDS = 0.2
LOGIN_SECONDS = 30.0


class Guest(asyncio.Protocol):
    """One member's connection, and what it got over all its connections."""

    def __init__(self, mid: int, token: str) -> None:
        self.mid = mid
        self.token = token
        self.live = False
        self.lost_at = 0.0  # monotonic; 0: never
        self.complete_at = 0.0
        self.login_seconds = 0.0  # of the last login, from connect to op 8
        self.received: list[int] = []  # numbers, as the bodies tell
        self.expected = 0
        self.on_message: Callable[[Guest, bytes], None] | None = None
        self.on_lost: Callable[[Guest], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._position = 0
        self._run_end = 0
        self._label = ""
        self._began = 0.0
        self._answered: asyncio.Future[bool] | None = None

    @property
    def connected(self) -> bool:
        """True while the connection stands."""
        return self._transport is not None

    @property
    def complete(self) -> bool:
        """True when all that is due has come."""
        return len(self.received) >= self.expected

    @property
    def in_order(self) -> bool:
        """True when each message came once and in order."""
        return self.received == list(range(len(self.received)))

    async def log_in(self, port: int) -> bool:
        """Connect and log in; False when that failed."""
        loop = asyncio.get_running_loop()
        self._began = time.monotonic()
        self._answered = loop.create_future()
        self._rest, self._label, self.live = b"", "", False
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        peer.setblocking(False)
        try:
            peer.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
            peer.bind((address_of(self.mid), 0))
            async with asyncio.timeout(LOGIN_SECONDS):
                await loop.sock_connect(peer, ("127.0.0.1", port))
                await loop.create_connection(lambda: self, sock=peer)
                return await self._answered
        except (OSError, TimeoutError):
            if self._transport is None:
                peer.close()
            else:
                self._transport.abort()
            return False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Log in at once (asyncio.Protocol)."""
        self._transport = cast(asyncio.Transport, transport)
        values: dict[str, Any] = {"mid": self.mid, "key": f"guest {self.mid}", "ext": 1}
        values["accepts"] = [OPERATION]
        if self.token:
            values["token"] = self.token
        if self._position:
            values["resume"] = {"member": self._position}
        self._transport.write(encode_frame(Operation.AUTH, dumps(values).encode(), sequence=1))

    def connection_lost(self, error: Exception | None) -> None:
        """It is over (asyncio.Protocol)."""
        self._transport, self.live = None, False
        self.lost_at = time.monotonic()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(False)
        if self.on_lost is not None:
            self.on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Take whole frames (asyncio.Protocol)."""
        decoded = decode_frames(self._rest + data, MOST_BODY_BYTES)
        self._rest = decoded.rest
        for frame in decoded.frames:
            self._receive(frame)

    def stop_reading(self) -> None:
        """Never read again."""
        if self._transport is not None:
            self._transport.pause_reading()

    def beat(self) -> None:
        """Tell that it is there, and what it has."""
        if self._transport is not None and self.live:
            body = dumps({"member": self._position}).encode()
            self._transport.write(encode_frame(Operation.ACKNOWLEDGE, body))
            self._transport.write(encode_frame(Operation.HEARTBEAT, sequence=2))

    def end(self) -> None:
        """Close it."""
        self.on_lost = None
        if self._transport is not None:
            self._transport.abort()

    def _receive(self, frame: Frame) -> None:
        operation = frame.operation
        if operation == Operation.AUTH_REPLY:
            self.login_seconds = time.monotonic() - self._began
            if self._answered is not None and not self._answered.done():
                self._answered.set_result(True)
        elif operation == Operation.TOPIC:
            values = loads(frame.body)
            self._label, self._run_end = values["topic"], values["sequence"]
            if values.get("live") and self._label == "member":
                self.live = True
                self._position = self._run_end
        elif operation == OPERATION:
            self._position = self._run_end - (self._run_end - frame.sequence) % WRAP
            if self.on_message is not None:
                self.on_message(self, frame.body)
                return
            self.received.append(int(frame.body))
            if self.complete:
                self.complete_at = time.monotonic()


def address_of(number: int) -> str:
    """Return the loopback address that a client comes from."""
    return f"127.0.1.{1 + number % ADDRESSES}"


async def log_all_in(guests: Iterable[Guest], port: int, at_once: int) -> None:
    """Log these in, so many at a time, each until it works."""
    left = list(guests)

    async def work() -> None:
        while left:
            guest = left.pop()
            while not await guest.log_in(port):  # noqa: ASYNC110 - a try is an end
                await asyncio.sleep(RETRY_SECONDS)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def open_halfway(count: int, port: int) -> list[asyncio.Transport]:
    """Connect so often to a WebSocket port and send half a request each time."""
    loop = asyncio.get_running_loop()
    transports = []
    for number in range(count):
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        peer.setblocking(False)
        peer.bind((f"127.0.2.{1 + number % ADDRESSES}", 0))
        await loop.sock_connect(peer, ("127.0.0.1", port))
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=peer)
        transport.write(b"GET /sub HTTP/1.1\r\nHost: x\r\n")
        transports.append(transport)
    return transports
