"""A goim client that is nothing but a socket and bytes, for tests of the wire itself."""

import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from schemas.frame import Frame, decode_batch, decode_frames, encode_frame
from schemas.operations import Operation

MASK = bytes.fromhex("11223344")
UPGRADE = (
    b"GET /sub HTTP/1.1\r\nHost: 127.0.0.1:3102\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LONG_SECONDS = 30.0
QUIET_SECONDS = 0.3  # nothing came for so long: nothing comes


def masked(payload: bytes, opcode: int = 2, final: bool = True) -> bytes:
    """Return a client's WebSocket frame."""
    size = len(payload)
    first = (0x80 if final else 0) | opcode
    head = (
        bytes([first, 0x80 | size])
        if size < 126
        else bytes([first, 0xFE]) + size.to_bytes(2, "big")
    )
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


class GoimSocket:
    """A connection over `tcp` or `ws`."""

    def __init__(self, transport: str, port: int) -> None:
        self.transport = transport
        self.socket = socket.create_connection(("127.0.0.1", port), LONG_SECONDS)
        self._rest = b""
        if transport == "ws":
            self.socket.sendall(UPGRADE)
            self.upgrade = self.receive_bytes_until(b"\r\n\r\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, frame: bytes) -> None:
        """Send a goim frame as the transport carries it."""
        self.socket.sendall(masked(frame) if self.transport == "ws" else frame)

    def login(self, token: str, sequence: int = 1) -> Frame:
        """Authenticate and return the reply."""
        self.send(encode_frame(Operation.AUTH, token.encode(), 1, sequence))
        return self.receive()

    def receive_bytes_until(self, mark: bytes) -> bytes:
        """Return all bytes up to and with the mark."""
        while mark not in self._rest:
            data = self.socket.recv(65_536)
            assert data, "closed"
            self._rest += data
        end = self._rest.index(mark) + len(mark)
        taken, self._rest = self._rest[:end], self._rest[end:]
        return taken

    def receive_bytes(self, count: int) -> bytes:
        """Return exactly so many bytes, or fewer when the other side ends."""
        self.socket.settimeout(LONG_SECONDS)
        while len(self._rest) < count:
            data = self.socket.recv(65_536)
            if not data:
                break
            self._rest += data
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def receive_rest(
        self, enough: Callable[[bytes], bool] = lambda taken: True
    ) -> tuple[bytes, bool]:
        """Return what comes until the other side ends, and whether it ended.

        It did not when nothing more came although that was enough, or for long when it was not.
        """
        taken, self._rest = self._rest, b""
        try:
            while True:
                self.socket.settimeout(QUIET_SECONDS if enough(taken) else LONG_SECONDS)
                data = self.socket.recv(65_536)
                if not data:
                    break
                taken += data
        except TimeoutError:
            return taken, False
        except ConnectionResetError:
            pass
        return taken, True

    def receive(self) -> Frame:
        """Return the next frame; a batch is returned as its op 9 frame."""
        if self.transport == "ws":
            head = self.receive_bytes(2)
            assert head[0] == 0x82, head
            size = head[1]
            if size == 126:
                size = int.from_bytes(self.receive_bytes(2), "big")
            elif size == 127:
                size = int.from_bytes(self.receive_bytes(8), "big")
            return decode_frames(self.receive_bytes(size), 2**31).frames[0]
        head = self.receive_bytes(4)
        data = head + self.receive_bytes(int.from_bytes(head, "big") - 4)
        return decode_frames(data, 2**31).frames[0]

    def receive_pushes(self, count: int) -> list[Frame]:
        """Return so many pushed frames, taken out of their batches."""
        frames: list[Frame] = []
        while len(frames) < count:
            frame = self.receive()
            frames += decode_batch(frame.body) if frame.operation == Operation.RAW else [frame]
        return frames


def unique(kind: str = "k") -> str:
    """Return an id that nobody else has."""
    return f"{kind}{os.urandom(6).hex()}"
