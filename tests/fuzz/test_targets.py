"""The fuzz targets run as they are, on a few inputs each."""

import pytest

from schemas.frame import encode_frame
from tests.fuzz import (
    auth_body,
    ext_bodies,
    frame_stream,
    http_parameters,
    service_requests,
    subjects,
    websocket_stream,
)
from tests.gateway.clients import BINARY, CLOSE, PING, TEXT, websocket_frame

BODIES = [
    b"",
    b'{"mid":1}',
    b"null",
    b'{"sub":"1","exp":1900000000}',
    b'{"alg":"HS256"}\0{}',
    b"\xff",
]
FRAMES = encode_frame(7, b"{}") + encode_frame(2) + encode_frame(4, b"x" * 4096)
IDS = [
    *(
        "live://1000",
        "a.b",
        "*",
        ">",
        "",
        " ",
        "\r\n",
        "\0",
        "=://x",
        "://",
        "live",
        "\N{GRINNING FACE}",
    ),
    *("live.=31.5.4", "live.1000.1_0.+4", "=FF", "room.=.=", "9.9.9", "x" * 10_240),
]
QUERIES = [
    b"operation=1000&type=live&room=1000&id=a",
    b"operation=+5&keys=a&keys=%41;b&mids=5&mids=x",
    b"operation=99999999999&rooms=%ff&type=%zz&limit=-1",
    b"&&=&a=%&;",
]
REQUESTS = [
    b"",
    b"{}",
    b'{"type":"live","room":"1000","operation":5,"mid":"7","body":"aGk="}',
    b'{"room":"\\ud800","mid":1e400,"rooms":[null]}',
    b'{"a":' * 5000,
    b"\x08\x96\x01",
    b"\xff",
]
EXT_BODIES = [
    b'{"room":"live://1000","resume":-9,"member":5,"operation":4,"body":"x"}',
    b'{"room":"\\ud800*","bytes":"\xc3\xbf","limit":1e9,"before":-1}',
    b'{"rooms":{"live://1":5,">":true},"members":{"5":9223372036854775808}}',
    b"live://1000",
    b"1003,-1004," + b"0" * 4000 + b"9",
    b"9" * 20_000,  # where a body may be so long: more digits than int() takes
    b"-" + b"0" * 20_000 + b"1",
    b'{"a":' * 5000,
    b"",
    b"\xff",
]

BEAT = encode_frame(2, sequence=5)
HELLO = websocket_frame(b"x" * 8, BINARY, fin=False)
WEBSOCKET = [
    websocket_frame(BEAT) * 3 + websocket_frame(b"hi", PING),
    websocket_frame(BEAT[:7], BINARY, fin=False) + websocket_frame(b"", PING),
    HELLO + websocket_frame(b"y", 0) + websocket_frame(BEAT),
    HELLO + websocket_frame(b"y", 0, fin=False) * 5,
    HELLO + HELLO,
    websocket_frame("\N{SNOWMAN}".encode(), TEXT) + websocket_frame(b"\xff", TEXT),
    websocket_frame(b"\x03\xe8bye", CLOSE) + websocket_frame(BEAT),
    websocket_frame(b"x" * 300) + websocket_frame(b"x" * 301),
    websocket_frame(BEAT) + websocket_frame(BEAT, mask=None),
    websocket_frame(BEAT, rsv=4),
    websocket_frame(BEAT, opcode=3),
    websocket_frame(b"x" * 126, PING),
    b"\x82\xff" + b"\xff" * 40,
    b"\x82",
    b"",
]


@pytest.mark.parametrize("door", range(8))
@pytest.mark.parametrize("body", BODIES)
def test_the_auth_target_takes_any_input(door: int, body: bytes) -> None:
    auth_body.check_input(bytes([door]) + body)


@pytest.mark.parametrize(
    "target",
    [
        auth_body,
        ext_bodies,
        frame_stream,
        http_parameters,
        service_requests,
        subjects,
        websocket_stream,
    ],
    ids=lambda target: target.__name__,
)
def test_a_target_takes_no_input(target: object) -> None:
    target.check_input(b"")  # type: ignore[attr-defined]


@pytest.mark.parametrize("cuts", [b"\0\0\0", b"\x01\x02\x03", b"\xff\x00\xff"])
@pytest.mark.parametrize("stream", [b"", FRAMES, FRAMES[:-1], FRAMES + b"\0" * 16, b"\xff" * 20])
def test_the_frame_target_takes_any_input(cuts: bytes, stream: bytes) -> None:
    frame_stream.check_input(cuts + stream)


@pytest.mark.parametrize("cuts", [b"\0\0\0", b"\x01\x02\x03", b"\xff\x07\x10"])
@pytest.mark.parametrize("stream", WEBSOCKET)
def test_a_websocket_stream_reads_as_the_library_reads_it(cuts: bytes, stream: bytes) -> None:
    websocket_stream.check_input(cuts + stream)


@pytest.mark.parametrize("numbers", [b"\0" * 12, b"\xff" * 12, b"\x80" + b"\0" * 10 + b"\x07"])
@pytest.mark.parametrize("text", IDS)
def test_ids_come_back_from_subjects_as_they_were(numbers: bytes, text: str) -> None:
    subjects.check_input(numbers + text.encode())


@pytest.mark.parametrize("path", range(len(http_parameters.PATHS)))
@pytest.mark.parametrize("query", QUERIES)
def test_any_query_is_answered(path: int, query: bytes) -> None:
    http_parameters.check_input(bytes([path]) + query)


@pytest.mark.parametrize("payload", REQUESTS)
def test_any_request_is_read_or_refused(payload: bytes) -> None:
    for kind in range(len(service_requests.REQUESTS)):
        service_requests.check_input(bytes([kind]) + payload)


@pytest.mark.parametrize("body", EXT_BODIES)
def test_any_body_of_any_operation_is_taken(body: bytes) -> None:
    for operation in range(len(ext_bodies.OPERATIONS)):
        ext_bodies.check_input(bytes([operation]) + body)
