"""EDGE one raw connection of a goim client, which ends in every way that a network has.

Each frame is handed over as soon as its last byte is read, and nothing is read ahead: what this
process has not handed over is unread in the kernel, so that a FIN and a reset mean what they say.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from schemas.frame import (
    BATCH_OPERATION,
    Frame,
    FrameError,
    decode_batch,
    decode_frames,
    decode_message,
)

CONNECT_SECONDS = 5.0
READ_BYTES = 65_536
MOST_BODY_BYTES = 64 * 1024 * 1024
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s

OnFrame = Callable[["GoimConnection", Frame], None]


class GoimConnection(asyncio.Protocol):
    """A connection over `ws` or `tcp`; `on_frame` gets each frame, taken out of its batch."""

    def __init__(self, transport_name: str, port: int, on_frame: OnFrame) -> None:
        self.closed = asyncio.Event()
        self.hung = False  # nobody reads any more
        self.error: Exception | None = None
        self._on_frame = on_frame
        self._transport: asyncio.Transport
        self._rest = b""
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._websocket: ClientProtocol | None = None
        if transport_name == "ws":
            url = f"ws://127.0.0.1:{port}/sub"
            self._websocket = ClientProtocol(parse_uri(url), max_size=None)

    @classmethod
    async def open(
        cls, transport_name: str, port: int, on_frame: OnFrame, receive_bytes: int = 0
    ) -> "GoimConnection":
        """Connect, and upgrade. Raises OSError or TimeoutError."""
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        peer.setblocking(False)
        if receive_bytes:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        loop = asyncio.get_running_loop()
        connection = cls(transport_name, port, on_frame)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(peer, ("127.0.0.1", port))
                await loop.create_connection(lambda: connection, sock=peer)
                await connection._opened
        except BaseException:
            connection.reset()
            peer.close()
            raise
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade (asyncio.Protocol)."""
        self._transport = cast(asyncio.Transport, transport)
        if self._websocket is None:
            self._opened.set_result(None)
            return
        self._websocket.send_request(self._websocket.connect())
        self._write_websocket(self._websocket)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over (asyncio.Protocol)."""
        self.error = self.error or error
        if not self._opened.done():
            self._opened.set_exception(error or ConnectionResetError("closed before the upgrade"))
            self._opened.exception()  # the one who opens may have given up
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        """Hand over whole frames (asyncio.Protocol)."""
        try:
            if self._websocket is None:
                self._receive_tcp(data)
            else:
                self._receive_websocket(self._websocket, data)
        except FrameError as error:
            self.error = error
            self._transport.abort()

    def eof_received(self) -> bool:
        """The server has ended its side (asyncio.Protocol)."""
        return False

    def send(self, frame: bytes) -> None:
        """Send a frame; on a connection that is over it goes nowhere."""
        if self._transport.is_closing():
            return
        if self._websocket is None:
            self._transport.write(frame)
        elif self._websocket.state is State.OPEN:
            self._websocket.send_binary(frame)
            self._write_websocket(self._websocket)

    def pause(self) -> None:
        """Read no more for now."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def hang(self) -> None:
        """Never read again, and never close."""
        self.pause()
        self.hung = True

    def finish(self) -> None:
        """Close: a FIN, or a reset by the kernel when it holds something unread."""
        if self._websocket is not None and self._websocket.state is State.OPEN:
            self._websocket.send_close(1000)
            self._write_websocket(self._websocket)
        self._transport.close()

    def half_close(self) -> None:
        """Send no more, and read on until the server closes."""
        if not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()

    def reset(self) -> None:
        """End it with a reset, as a network does that breaks; what came before counts as read.

        But not where nobody reads for good: a plain client that is only slow may have sent a frame
        since, by which it says that it reads what it was sent.
        """
        transport = getattr(self, "_transport", None)
        if transport is None or transport.is_closing():
            return
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.fileno() >= 0:
            if not self.hung:
                self._read_rest(peer.fileno())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        transport.abort()

    def _read_rest(self, descriptor: int) -> None:
        try:
            while data := os.read(descriptor, READ_BYTES):
                self.data_received(data)
        except OSError:  # nothing more is there, or it is over already
            return

    def _receive_tcp(self, data: bytes) -> None:
        decoded = decode_frames(self._rest + data, MOST_BODY_BYTES)
        self._rest = decoded.rest
        for frame in decoded.frames:
            self._hand_over(frame)
        if decoded.error is not None:
            raise decoded.error

    def _receive_websocket(self, protocol: ClientProtocol, data: bytes) -> None:
        protocol.receive_data(data)
        for event in protocol.events_received():
            if not isinstance(event, WebSocketFrame):
                self._finish_upgrade(protocol)
            elif event.opcode is Opcode.BINARY:
                self._hand_over(decode_message(bytes(event.data), MOST_BODY_BYTES))
        self._write_websocket(protocol)

    def _finish_upgrade(self, protocol: ClientProtocol) -> None:
        refused: WebSocketException | Exception | None = protocol.handshake_exc
        if refused is not None:
            self.error = refused
            self.reset()
        elif not self._opened.done():
            self._opened.set_result(None)

    def _hand_over(self, frame: Frame) -> None:
        if frame.operation != BATCH_OPERATION:
            self._on_frame(self, frame)
            return
        for inner in decode_batch(frame.body):
            self._on_frame(self, inner)

    def _write_websocket(self, protocol: ClientProtocol) -> None:
        for data in protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
