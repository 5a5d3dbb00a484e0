"""Fuzz the WebSocket edge: any bytes after the upgrade, cut anywhere.

A finding is an exception, a stream that reads differently when it comes in pieces, a message that
websockets reads differently, a frame after the end, or a connection that leaves something behind.
"""

import asyncio
from functools import cache
from typing import Any, NamedTuple

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from bus.connection import Bus
from bus.logs import configure_logs
from bus.policies import PolicyBook
from bus.settings import BusSettings
from gateway.deadlines import Deadlines
from gateway.gateway import Gateway
from gateway.settings import Limits, Settings
from gateway.websocket import WebSocketConnection
from schemas.close_codes import CloseCode
from tests.fuzz.running import fuzz

LIMITS = Limits(frames_burst=1_000_000, message_fragments=4, message_bytes=300)
OURS = {CloseCode.MESSAGE_TOO_BIG, CloseCode.INVALID_TEXT}  # what websockets does not refuse here
ADDRESS = "192.0.2.1"


class Outcome(NamedTuple):
    """What came of a stream."""

    messages: list[tuple[bytes, bool]]
    written: bytes
    code: CloseCode | None


class Transport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Collecting(WebSocketConnection):
    """A connection that keeps whole messages."""

    __slots__ = ("messages",)

    messages: list[tuple[bytes, bool]]

    def handle_message(self, message: bytes, text: bool) -> None:
        assert self.close_code is None
        self.messages.append((message, text))


def check_input(data: bytes) -> None:
    """Use the first three bytes to cut, the rest as a stream. Raises AssertionError."""
    cuts, stream = data[:3], data[3:]
    whole = _outcome([stream])
    sizes = [1 + cut for cut in cuts] or [1]
    pieces: list[bytes] = []
    start = 0
    while start < len(stream):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[start : start + size])
        start += size
    assert _outcome(pieces) == whole
    expected = _read_by_library(stream)
    if whole.code in OURS:
        assert whole.messages == expected[: len(whole.messages)]
    else:
        assert whole.messages == expected


def _outcome(pieces: list[bytes]) -> Outcome:
    gateway, transport = _gateway(), Transport()
    gateway.deadlines = Deadlines()
    gateway.hub.accept(ADDRESS)
    connection = Collecting(gateway, ADDRESS)
    connection.messages = []
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
        assert len(connection.buffer) < LIMITS.message_bytes + 14
        if transport.closed:
            break
    connection.connection_lost(None)
    assert not gateway.fragmenting
    assert not gateway.hub.sockets
    return Outcome(connection.messages, transport.written, connection.close_code)


def _read_by_library(stream: bytes) -> list[tuple[bytes, bool]]:
    protocol = ServerProtocol(state=State.OPEN, max_size=None)
    protocol.receive_data(stream)
    messages: list[tuple[bytes, bool]] = []
    parts, is_text = b"", False
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            parts, is_text = b"", frame.opcode is Opcode.TEXT
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            parts += frame.data
            if frame.fin:
                messages.append((parts, is_text))
    return messages


@cache
def _gateway() -> Gateway:
    configure_logs("fuzz", level="error")
    loop = asyncio.new_event_loop()

    async def make() -> Gateway:
        bus = Bus(BusSettings(), "fuzz")
        return Gateway(Settings(limits=LIMITS), bus, PolicyBook(bus, {}), "fuzz", "0")

    return loop.run_until_complete(make())


if __name__ == "__main__":
    fuzz(check_input)
