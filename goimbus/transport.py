"""EDGE one connection to a goim server, by WebSocket or TCP: frames in, bytes out.

ws://host:3102/sub   wss://host/sub   tcp://host:3101   tls://host:3104
"""

import asyncio
import ssl
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI

from goimbus.client_errors import UrlRefused
from schemas.frame import (
    BATCH_OPERATION,
    Frame,
    FrameError,
    decode_batch,
    decode_frames,
    decode_message,
)

READ_BYTES = 65_536
CLOSE_SECONDS = 2.0
UNREAD_MESSAGES = 16  # WebSocket messages that wait in the library; then the socket isn't read
NO_CLOSE_CODE = 1006
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Arrived(NamedTuple):
    """One frame, and whether it came inside an op 9 envelope: then it is a push for sure."""

    frame: Frame
    pushed: bool


class TransportEnded(Exception):
    """The connection is over; `code` and `words` are those of the close frame, if one came."""

    def __init__(self, code: int = NO_CLOSE_CODE, words: str = "") -> None:
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return f"{self.words or 'ended'} ({self.code})"


class Transport(Protocol):
    """A connection to a goim server."""

    async def receive(self) -> list[Arrived]:
        """Return the next frames. Raises TransportEnded or FrameError. Cancelling is safe."""

    async def send(self, data: bytes) -> None:
        """Send one frame. Raises TransportEnded; what was sent before may be lost then too."""

    async def close(self) -> None:
        """Let what was sent go out, then end the connection; takes 2 s at most."""

    def abort(self) -> None:
        """Drop the connection at once; `receive` raises TransportEnded."""


async def open_transport(
    url: str, max_message_bytes: int, ssl_context: ssl.SSLContext | None = None
) -> Transport:
    """Connect. Raises UrlRefused, OSError, TimeoutError or websockets' handshake errors."""
    parts = read_url(url)
    if parts.scheme in ("ws", "wss"):
        return await WebSocketTransport.open(url, parts, max_message_bytes, ssl_context)
    return await TcpTransport.open(parts, max_message_bytes, ssl_context)


def read_url(url: str) -> SplitResult:
    """Return the parts of an address. Raises UrlRefused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused(url) from None
    stream = parts.scheme in ("tcp", "tls") and port is not None
    if not parts.hostname or not (stream or parts.scheme in ("ws", "wss")):
        raise UrlRefused(url)
    return parts


class WebSocketTransport:
    """goim's frames in binary WebSocket messages."""

    def __init__(self, connection: ClientConnection, max_message_bytes: int) -> None:
        self._connection = connection
        self._max_message_bytes = max_message_bytes

    @classmethod
    async def open(
        cls, url: str, parts: SplitResult, max_message_bytes: int, context: ssl.SSLContext | None
    ) -> "WebSocketTransport":
        """Connect and upgrade."""
        try:
            connection = await connect(
                url,
                ssl=context if parts.scheme == "wss" else None,
                compression=None,
                proxy=None if parts.hostname in LOOPBACK else True,
                ping_interval=None,  # goim answers pings late; its own heartbeats tell more
                close_timeout=CLOSE_SECONDS,
                max_size=max_message_bytes,
                max_queue=UNREAD_MESSAGES,
            )
        except InvalidURI:
            raise UrlRefused(url) from None
        return cls(connection, max_message_bytes)

    async def receive(self) -> list[Arrived]:
        """Return the frame of the next message, or those inside of it."""
        try:
            message = await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise _ended(closed) from None
        return unwrap(decode_message(message, self._max_message_bytes))

    async def send(self, data: bytes) -> None:
        """Send one frame as one message."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as closed:
            raise _ended(closed) from None

    async def close(self) -> None:
        """Close with code 1000."""
        await self._connection.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._connection.transport.abort()


class TcpTransport:
    """goim's frames back to back on a TCP stream."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_message_bytes: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._max_message_bytes = max_message_bytes
        self._rest = b""
        self._error: FrameError | None = None

    @classmethod
    async def open(
        cls, parts: SplitResult, max_message_bytes: int, context: ssl.SSLContext | None
    ) -> "TcpTransport":
        """Connect, with TLS for the scheme tls."""
        tls = (context or ssl.create_default_context()) if parts.scheme == "tls" else None
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port, ssl=tls, limit=READ_BYTES
        )
        return cls(reader, writer, max_message_bytes)

    async def receive(self) -> list[Arrived]:
        """Return the whole frames of what the socket had."""
        while self._error is None:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError as error:
                raise TransportEnded(words=str(error)) from None
            if not data:
                raise TransportEnded
            frames, self._rest, self._error = decode_frames(
                self._rest + data, self._max_message_bytes
            )
            if frames:
                return [arrived for frame in frames for arrived in unwrap(frame)]
        raise self._error

    async def send(self, data: bytes) -> None:
        """Send one frame."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise TransportEnded(words=str(error)) from None

    async def close(self) -> None:
        """Flush and end the stream, so that the peer reads all of it."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._writer.transport.abort()


def unwrap(frame: Frame) -> list[Arrived]:
    """Return the frame, or for an op 9 envelope those inside of it. Raises FrameError."""
    if frame.operation != BATCH_OPERATION:
        return [Arrived(frame, False)]
    return [Arrived(inner, True) for inner in decode_batch(frame.body)]


def _ended(closed: ConnectionClosed) -> TransportEnded:
    if closed.rcvd is None:
        return TransportEnded()
    return TransportEnded(closed.rcvd.code, closed.rcvd.reason)
