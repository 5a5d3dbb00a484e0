"""The fuzz targets run as they are, on a few inputs each."""

import pytest

from schemas.frame import encode_frame
from tests.fuzz import auth_body, frame_stream

BODIES = [
    b"",
    b'{"mid":1}',
    b"null",
    b'{"sub":"1","exp":1900000000}',
    b'{"alg":"HS256"}\0{}',
    b"\xff",
]
FRAMES = encode_frame(7, b"{}") + encode_frame(2) + encode_frame(4, b"x" * 4096)


@pytest.mark.parametrize("door", range(8))
@pytest.mark.parametrize("body", BODIES)
def test_the_auth_target_takes_any_input(door: int, body: bytes) -> None:
    auth_body.check_input(bytes([door]) + body)


def test_the_auth_target_takes_no_input() -> None:
    auth_body.check_input(b"")


@pytest.mark.parametrize("cuts", [b"\0\0\0", b"\x01\x02\x03", b"\xff\x00\xff"])
@pytest.mark.parametrize("stream", [b"", FRAMES, FRAMES[:-1], FRAMES + b"\0" * 16, b"\xff" * 20])
def test_the_frame_target_takes_any_input(cuts: bytes, stream: bytes) -> None:
    frame_stream.check_input(cuts + stream)
