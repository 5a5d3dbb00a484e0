"""Fuzz the frame codec: any stream, cut anywhere, as TCP and as WebSocket messages.

A finding is an exception other than FrameError, or a stream that reads differently when it
comes in pieces.
"""

from contextlib import suppress

from schemas.frame import (
    HEADER_BYTES,
    MAX_BODY_BYTES,
    Decoded,
    Frame,
    FrameError,
    decode_batch,
    decode_frames,
    decode_message,
    encode_batch,
    encode_frame,
)
from tests.fuzz.running import fuzz


def check_input(data: bytes) -> None:
    """Use the first three bytes to cut, the rest as a stream. Raises AssertionError."""
    cuts, stream = data[:3], data[3:]
    whole = decode_frames(stream)
    pieces = _decode_in_pieces(stream, [1 + 17 * cut for cut in cuts] or [1])
    assert pieces.frames == whole.frames
    assert type(pieces.error) is type(whole.error)
    assert pieces.rest == whole.rest
    _check_frames(stream, whole)
    with suppress(FrameError):
        frame = decode_message(stream)
        assert stream.startswith(_encode(frame))
    with suppress(FrameError):
        assert b"".join(map(_encode, decode_batch(stream))) == stream


def _decode_in_pieces(stream: bytes, sizes: list[int]) -> Decoded:
    frames: list[Frame] = []
    rest, start, turn = b"", 0, 0
    while start < len(stream):
        size = sizes[turn % len(sizes)]
        decoded = decode_frames(rest + stream[start : start + size])
        frames += decoded.frames
        if decoded.error is not None:
            return Decoded(frames, b"", decoded.error)
        rest, start, turn = decoded.rest, start + size, turn + 1
    return Decoded(frames, rest, None)


def _check_frames(stream: bytes, decoded: Decoded) -> None:
    encoded = [_encode(frame) for frame in decoded.frames]
    assert stream.startswith(b"".join(encoded))
    assert all(len(frame.body) <= MAX_BODY_BYTES for frame in decoded.frames)
    assert len(decoded.rest) < HEADER_BYTES + MAX_BODY_BYTES
    if decoded.error is None:
        assert b"".join(encoded) + decoded.rest == stream
    batch = decode_message(encode_batch(encoded), max_body_bytes=len(stream))
    assert decode_batch(batch.body) == decoded.frames


def _encode(frame: Frame) -> bytes:
    return encode_frame(frame.operation, frame.body, frame.version, frame.sequence)


if __name__ == "__main__":
    fuzz(check_input)
