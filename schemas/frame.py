"""goim's frame: 16 bytes of header, then the body. The only code that knows the header.

    offset  0   4   packet length, header included     int32, big endian like all fields
            4   2   header length, always 16           int16
            6   2   version, echoed in replies         int16
            8   4   operation                          int32
           12   4   sequence, echoed in replies        int32
           16   n   body

On TCP frames follow each other back to back; a WebSocket message holds one frame. Source:
goim v2 `api/protocol/protocol.go`. goim takes a packet length below 16 for an empty body and
believes one that is larger than the WebSocket message; both are refused here.
"""

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

HEADER = Struct(">ihhii")
HEADER_BYTES = 16
MAX_BODY_BYTES = 4096  # goim's MaxBodySize, for what clients send; pushes have no limit
BATCH_OPERATION = 9  # goim's OpRaw


class Frame(NamedTuple):
    """One decoded frame; `operation` is any int32, known to us or not."""

    version: int
    operation: int
    sequence: int
    body: bytes


class FrameError(ValueError):
    """The peer's bytes are no goim frame. The connection can't go on: framing is lost."""


class HeaderIncomplete(FrameError):
    """A WebSocket message is shorter than a header."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __str__(self) -> str:
        return f"a message of {self.size} bytes is shorter than the {HEADER_BYTES} byte header"


class HeaderLengthWrong(FrameError):
    """The header length field is not 16."""

    def __init__(self, header_length: int) -> None:
        self.header_length = header_length

    def __str__(self) -> str:
        return f"header length {self.header_length}, must be {HEADER_BYTES}"


class PacketLengthWrong(FrameError):
    """The packet length is below 16, over the limit, or larger than the WebSocket message."""

    def __init__(self, packet_length: int, most: int) -> None:
        self.packet_length = packet_length
        self.most = most

    def __str__(self) -> str:
        return f"packet length {self.packet_length}, must be {HEADER_BYTES} to {self.most}"


class Decoded(NamedTuple):
    """What a stretch of a TCP stream held: whole frames, then the unfinished rest or an error."""

    frames: list[Frame]
    rest: bytes
    error: FrameError | None


def encode_frame(operation: int, body: bytes = b"", version: int = 1, sequence: int = 0) -> bytes:
    """Return the frame's bytes. Raises struct.error for a field outside its integer range."""
    length = HEADER_BYTES + len(body)
    return HEADER.pack(length, HEADER_BYTES, version, operation, sequence) + body


def encode_batch(frames: Iterable[bytes]) -> bytes:
    """Wrap encoded frames into one op 9 frame, as goim does on WebSocket (never on TCP)."""
    body = b"".join(frames)
    return HEADER.pack(HEADER_BYTES + len(body), HEADER_BYTES, 1, BATCH_OPERATION, 0) + body


def decode_message(message: bytes, max_body_bytes: int = MAX_BODY_BYTES) -> Frame:
    """Return the one frame of a WebSocket message; bytes after it are dropped, as goim does.

    Raises FrameError.
    """
    if len(message) < HEADER_BYTES:
        raise HeaderIncomplete(len(message))
    length, header_length, version, operation, sequence = HEADER.unpack_from(message)
    if header_length != HEADER_BYTES:
        raise HeaderLengthWrong(header_length)
    most = min(len(message), HEADER_BYTES + max_body_bytes)
    if not HEADER_BYTES <= length <= most:
        raise PacketLengthWrong(length, most)
    return Frame(version, operation, sequence, bytes(message[HEADER_BYTES:length]))


def decode_frames(data: bytes, max_body_bytes: int = MAX_BODY_BYTES) -> Decoded:
    """Take whole frames off the front of `data`; call again with `rest` plus what comes next.

    Any split of a stream gives the same frames. A length over the limit is an error before
    any of its body is waited for. Frames before the error are still returned.
    """
    frames: list[Frame] = []
    most = HEADER_BYTES + max_body_bytes
    start, end = 0, len(data)
    while end - start >= HEADER_BYTES:
        length, header_length, version, operation, sequence = HEADER.unpack_from(data, start)
        if header_length != HEADER_BYTES:
            return Decoded(frames, b"", HeaderLengthWrong(header_length))
        if not HEADER_BYTES <= length <= most:
            return Decoded(frames, b"", PacketLengthWrong(length, most))
        if end - start < length:
            break
        body = bytes(data[start + HEADER_BYTES : start + length])
        frames.append(Frame(version, operation, sequence, body))
        start += length
    return Decoded(frames, bytes(data[start:]), None)


def decode_batch(body: bytes) -> list[Frame]:
    """Return the frames inside an op 9 body. Raises FrameError when it doesn't end on one."""
    frames, rest, error = decode_frames(body, max_body_bytes=len(body))
    if error is not None:
        raise error
    if rest:
        raise HeaderIncomplete(len(rest))
    return frames
