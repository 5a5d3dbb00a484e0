import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.frame import (
    HEADER_BYTES,
    MAX_BODY_BYTES,
    Frame,
    FrameError,
    HeaderIncomplete,
    HeaderLengthWrong,
    PacketLengthWrong,
    decode_batch,
    decode_frames,
    decode_message,
    encode_batch,
    encode_frame,
)

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "goim.json").read_text()
)["vectors"]
REFUSED: dict[str, type[FrameError]] = {
    "V30": PacketLengthWrong,
    "V31": HeaderLengthWrong,
    "V32": PacketLengthWrong,
    "V33": PacketLengthWrong,
    "V34": HeaderIncomplete,
    "V35": HeaderIncomplete,
    "V45": PacketLengthWrong,
    "V46": PacketLengthWrong,
}
NOT_FRAMES = {"V43", "V44", "V57", "V58"}  # a close frame, a ping, two HTTP requests

int16 = st.integers(-(2**15), 2**15 - 1)
int32 = st.integers(-(2**31), 2**31 - 1)
frames = st.builds(Frame, int16, int32, int32, st.binary(max_size=300))


def vector_bytes(vector: dict[str, Any]) -> bytes:
    if vector["id"] == "V46":
        return bytes.fromhex("00001010001000010000000700000001")  # its two fragments joined
    data = bytes.fromhex(vector["hex"])
    missing = int(vector.get("total_bytes", len(data))) - len(data)
    return data + data[-1:] * missing


def encoded(frame: Frame) -> bytes:
    return encode_frame(frame.operation, frame.body, frame.version, frame.sequence)


def of_clients() -> list[dict[str, Any]]:
    return [
        vector
        for vector in VECTORS
        if vector["direction"] == "client->server" and vector["id"] not in NOT_FRAMES
    ]


@pytest.mark.parametrize(
    "vector", [one for one in of_clients() if one["id"] not in REFUSED], ids=lambda one: one["id"]
)
def test_a_frame_that_clients_in_the_wild_send_decodes(vector: dict[str, Any]) -> None:
    data = vector_bytes(vector)
    first = decode_message(data)
    decoded, rest, error = decode_frames(data)
    assert (rest, error) == (b"", None)
    assert decoded[0] == first
    assert b"".join(map(encoded, decoded)) == data
    if told := vector.get("decoded"):
        assert first[:3] == (told["ver"], told["op"], told["seq"])
        assert HEADER_BYTES + len(first.body) == told["packLen"]


@pytest.mark.parametrize("vector_id", REFUSED)
def test_a_broken_message_is_refused(vector_id: str) -> None:
    vector = next(one for one in VECTORS if one["id"] == vector_id)
    with pytest.raises(REFUSED[vector_id]):
        decode_message(vector_bytes(vector))


@pytest.mark.parametrize("vector_id", ["V30", "V31", "V32", "V33"])
def test_a_broken_length_ends_a_stream_before_its_body_came(vector_id: str) -> None:
    vector = next(one for one in VECTORS if one["id"] == vector_id)
    good = encode_frame(2)
    decoded, rest, error = decode_frames(good + vector_bytes(vector)[:HEADER_BYTES])
    assert (len(decoded), rest) == (1, b"")
    assert isinstance(error, REFUSED[vector_id])


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if "hex_ws_payload" in one], ids=lambda one: one["id"]
)
def test_pushes_are_batched_on_websocket_as_goim_does(vector: dict[str, Any]) -> None:
    told = [
        encode_frame(one["op"], one["body"].encode(), one["ver"], one["seq"])
        for one in vector["decoded"]["tcp"]
    ]
    assert b"".join(told).hex() == vector["hex"]
    assert encode_batch(told).hex() == vector["hex_ws_payload"]


@given(frame=frames)
def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    data = encoded(frame)
    assert decode_message(data) == frame
    assert decode_frames(data) == ([frame], b"", None)


@given(sent=st.lists(frames, max_size=8), cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_any_split_of_a_stream_gives_the_same_frames(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(map(encoded, sent))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    received: list[Frame] = []
    rest = b""
    for start, end in pairwise(edges):
        decoded, rest, error = decode_frames(rest + stream[start:end])
        assert error is None
        received += decoded
    assert (received, rest) == (sent, b"")


@given(data=st.binary(max_size=200))
def test_any_bytes_give_frames_or_one_error(data: bytes) -> None:
    decoded, rest, error = decode_frames(data)
    taken = sum(HEADER_BYTES + len(frame.body) for frame in decoded)
    assert error is not None or taken + len(rest) == len(data)
    try:
        message = decode_message(data)
    except FrameError:
        return
    assert data.startswith(encoded(message))


@given(sent=st.lists(frames, max_size=5))
def test_a_batch_comes_back_as_it_was(sent: list[Frame]) -> None:
    batch = decode_message(encode_batch(map(encoded, sent)), max_body_bytes=10_000)
    assert (batch.operation, batch.version, batch.sequence) == (9, 1, 0)
    assert decode_batch(batch.body) == sent


def test_a_batch_that_ends_inside_a_frame_is_refused() -> None:
    with pytest.raises(FrameError):
        decode_batch(encode_frame(1000, b"hello")[:-1])
    with pytest.raises(HeaderIncomplete):
        decode_batch(encode_frame(1000) + b"x")


def test_the_body_limit_is_goims() -> None:
    largest = encode_frame(4, b"z" * MAX_BODY_BYTES)
    assert len(decode_message(largest).body) == MAX_BODY_BYTES
    with pytest.raises(PacketLengthWrong, match=r"packet length 4113, must be 16 to 4112"):
        decode_message(encode_frame(4, b"z" * (MAX_BODY_BYTES + 1)))


def test_bytes_after_a_websocket_messages_frame_are_dropped() -> None:
    assert decode_message(encode_frame(2, b"a") + encode_frame(14, b"b")) == Frame(1, 2, 0, b"a")
