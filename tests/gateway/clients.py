"""goim clients on real sockets that show every byte: raw TCP, and WebSocket by hand."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any, Self

from schemas.frame import Frame, decode_batch, decode_message, encode_frame
from schemas.operations import Operation

MASK = bytes.fromhex("11223344")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    "GET /sub HTTP/1.1\r\nHost: goim.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def websocket_frame(
    payload: bytes, opcode: int = BINARY, fin: bool = True, mask: bytes | None = MASK, rsv: int = 0
) -> bytes:
    """Return a client's WebSocket frame."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size, bit = len(payload), 0x80 if mask is not None else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65_536:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    if mask is None:
        return head + payload
    masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))
    return head + mask + masked


@dataclass
class Closed(Exception):
    """The server has closed; on WebSocket with this close frame, 0 where there was none."""

    code: int = 0
    words: str = ""


@dataclass
class Client(ABC):
    """What both transports share."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    waiting: list[Frame] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def send(self, operation: int, body: bytes = b"", version: int = 1, sequence: int = 1) -> None:
        """Send one goim frame."""
        self.write(self.framed(encode_frame(operation, body, version, sequence)))

    @abstractmethod
    def framed(self, frame: bytes) -> bytes:
        """Return the frame as the transport carries it."""

    async def receive(self) -> Frame:
        """Return the next frame, those in a batch one by one. Raises Closed."""
        while not self.waiting:
            frame = await self.read_frame()
            batch = frame.operation == Operation.RAW and frame.body
            self.waiting.extend(decode_batch(frame.body) if batch else [frame])
        return self.waiting.pop(0)

    @abstractmethod
    async def read_frame(self) -> Frame:
        """Return the next frame as it came. Raises Closed."""

    async def auth(self, **token: Any) -> Frame:
        """Log in and return the answer."""
        self.send(Operation.AUTH, dumps(token).encode())
        return await self.receive()

    async def ask(self, operation: int, body: bytes = b"", sequence: int = 1) -> Frame:
        """Send a frame and return the next one that comes."""
        self.send(operation, body, sequence=sequence)
        return await self.receive()

    async def bodies(self, count: int) -> list[bytes]:
        """Return the bodies of the next pushes, without what is said about topics."""
        found: list[bytes] = []
        while len(found) < count:
            frame = await self.receive()
            if frame.operation != Operation.TOPIC:
                found.append(frame.body)
        return found

    async def until_live(self, label: str) -> int:
        """Wait until an `ext` client is live on a topic; return its position there."""
        while True:
            frame = await self.receive()
            if frame.operation == Operation.TOPIC:
                values = loads(frame.body)
                if values.get("live") and values["topic"] == label:
                    return int(values["sequence"])

    async def closed(self, hang_up: bool = True) -> Closed:
        """Read to the end, close too, and return why it came."""
        try:
            while True:
                await self.receive()
        except Closed as closed:
            if hang_up:
                self.writer.close()
            return closed

    async def is_quiet(self) -> None:
        """Check that nothing was sent before the answer to a heartbeat."""
        self.send(Operation.HEARTBEAT, sequence=7777)
        frame = await self.receive()
        assert (frame.operation, frame.sequence) == (Operation.HEARTBEAT_REPLY, 7777), frame

    def reset(self) -> None:
        """End without a FIN."""
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(*_LINGER_RESET)
        self.writer.transport.abort()

    async def finish(self) -> None:
        """Send FIN after what was sent, and read to the end."""
        self.writer.write_eof()
        await self.closed()


class TcpClient(Client):
    """goim frames back to back."""

    @classmethod
    async def connect(
        cls, port: int, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> Self:
        """Connect, perhaps from another address of this host."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=tls,
            server_hostname="goim.example" if tls else None,
            local_addr=(address, 0),
        )
        return cls(reader, writer)

    def framed(self, frame: bytes) -> bytes:
        return frame

    async def read_frame(self) -> Frame:
        try:
            head = await self.reader.readexactly(16)
            rest = await self.reader.readexactly(int.from_bytes(head[:4], "big") - 16)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            raise Closed from None
        return decode_message(head + rest, max_body_bytes=2**31)


class WsClient(TcpClient):
    """One goim frame in each binary message."""

    @classmethod
    async def connect(
        cls, port: int, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> Self:
        client = await super().connect(port, tls, address)
        client.write(UPGRADE)
        assert await client.reader.readexactly(len(SWITCHED)) == SWITCHED
        return client

    def framed(self, frame: bytes) -> bytes:
        return websocket_frame(frame)

    async def read_message(self) -> tuple[int, bytes]:
        """Return the next WebSocket frame of the server: opcode and payload. Raises Closed."""
        try:
            first, second = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80, "the server sends whole messages without extensions"
            size = second
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            payload = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            raise Closed from None
        return first & 0x0F, payload

    async def read_frame(self) -> Frame:
        opcode, payload = await self.read_message()
        if opcode == CLOSE:
            raise Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())
        assert opcode == BINARY
        return decode_message(payload, max_body_bytes=2**31)

    async def say_goodbye(self) -> Closed:
        """Close as RFC 6455 wants it."""
        self.write(websocket_frame((1000).to_bytes(2, "big"), CLOSE))
        return await self.closed()


_LINGER_RESET = (1, 13, b"\x01\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: on, 0 seconds
