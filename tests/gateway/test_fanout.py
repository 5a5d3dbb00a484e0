"""The bytes of pushes, held to goim's (vectors V47 to V56), and the extensions beside them."""

from json import loads

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.fanout import (
    EXT,
    WEBSOCKET,
    Delivery,
    encode_control,
    encode_deliveries,
    last_sequence,
    topic_frame,
    websocket_message,
    wire_sequence,
)
from schemas.frame import Frame, decode_frames, encode_batch, encode_frame
from tests.gateway.receivers import frames_of, kept
from tests.gateway.vectors import VECTORS

PUSHES = ("V47", "V48", "V49", "V50", "V51", "V52", "V53", "V54")


def deliveries_of(frames: bytes) -> list[Delivery]:
    """Return what must be delivered so that a TCP client is sent these bytes."""
    decoded = decode_frames(frames, max_body_bytes=len(frames))
    return [Delivery(77, one.operation, one.body) for one in decoded.frames]


@pytest.mark.parametrize("name", PUSHES)
def test_a_plain_client_gets_the_bytes_that_goim_sends(name: str) -> None:
    vector = VECTORS[name]
    deliveries = deliveries_of(vector.tcp)
    assert encode_deliveries(deliveries, 0, "member") == vector.tcp
    assert encode_deliveries(deliveries, WEBSOCKET, "member") == vector.websocket


def test_a_push_may_be_larger_than_what_clients_may_send() -> None:
    vector, push = VECTORS["V56"], [Delivery(7, 1000, b"y" * 5000)]
    on_tcp, on_websocket = (encode_deliveries(push, kind, "all") for kind in (0, WEBSOCKET))
    assert on_tcp.startswith(vector.tcp)
    assert on_websocket.startswith(vector.websocket)
    assert (len(on_tcp), len(on_websocket)) == (5016, 5036)


@given(
    body=st.sampled_from([0, 10, 77, 78, 93, 94, 4096, 4097, 65_503, 65_504]).map(bytes)
    | st.binary(max_size=200),
    operation=st.integers(-(2**31), 2**31 - 1),
)
def test_a_message_alone_is_framed_as_one_of_several(body: bytes, operation: int) -> None:
    one = Delivery(7, operation, body)
    for _ in range(2):  # the first of its size, and one more
        alone = [encode_deliveries([one], kind, "member") for kind in (0, WEBSOCKET)]
        frame = encode_frame(operation, body)
        assert alone == [frame, websocket_message(encode_batch([frame]))]


def test_a_frame_of_its_own_has_no_envelope() -> None:
    vector = VECTORS["V55"]
    frame = encode_frame(1000, b"raw", 1, 7)
    assert encode_control(frame, 0) == vector.tcp
    assert encode_control(frame, WEBSOCKET) == vector.websocket


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8200"),
        (125, "827d"),
        (126, "827e007e"),
        (65_535, "827effff"),
        (65_536, "827f0000000000010000"),
    ],
)
def test_a_message_has_the_shortest_head(size: int, head: str) -> None:
    assert websocket_message(b"x" * size) == bytes.fromhex(head) + b"x" * size


@pytest.mark.parametrize("kind", [EXT, EXT | WEBSOCKET])
def test_an_ext_client_is_told_topic_and_sequences(kind: int) -> None:
    deliveries = [kept(2**40 + 5), Delivery(0, 1001, b"cast"), kept(2**40 + 9)]
    topic, first, cast, last = frames_of(encode_deliveries(deliveries, kind, "room:a://é"), kind)
    assert topic[:3] == (1, 19, 0)
    assert loads(topic.body) == {"topic": "room:a://é", "sequence": 2**40 + 9}
    assert first == Frame(1, 1000, 5, b"%d" % (2**40 + 5))
    assert cast == Frame(1, 1001, 0, b"cast")
    assert last.sequence == 9


def test_a_run_without_stored_messages_says_zero() -> None:
    (topic, _) = frames_of(encode_deliveries([Delivery(0, 1000, b"")], EXT, "key"), EXT)
    assert topic.body == b'{"topic":"key","sequence":0}'


def test_the_live_mark_has_no_frames_after_it() -> None:
    frame = decode_frames(topic_frame("all", 12, live=True)).frames[0]
    assert frame.operation == 19
    assert frame.body == b'{"topic":"all","sequence":12,"live":true}'


@pytest.mark.parametrize(
    ("sequence", "wire"),
    [
        (0, 0),
        (2**31 - 1, 2**31 - 1),
        (2**31, -(2**31)),
        (2**32 - 1, -1),
        (2**32, 0),
        (2**32 + 1, 1),
        (2**64 - 1, -1),
    ],
)
def test_a_sequence_wraps_to_the_low_32_bits(sequence: int, wire: int) -> None:
    assert wire_sequence(sequence) == wire


@given(
    start=st.integers(1, 2**63),
    steps=st.lists(st.integers(1, 2**31), min_size=1, max_size=5),
    kind=st.sampled_from([EXT, EXT | WEBSOCKET]),
)
@example(start=2**31 - 1, steps=[1, 1], kind=EXT)
@example(start=2**32 - 2, steps=[1, 1, 1], kind=EXT)
def test_a_client_can_tell_the_full_sequences_from_the_wrapped_ones(
    start: int, steps: list[int], kind: int
) -> None:
    sequences = [start]
    for step in steps:
        if sequences[-1] + step - start < 2**32:
            sequences.append(sequences[-1] + step)
    deliveries = [kept(sequence) for sequence in sequences]
    topic, *frames = frames_of(encode_deliveries(deliveries, kind, "all"), kind)
    last = loads(topic.body)["sequence"]
    told = [last - (last - one.sequence) % 2**32 for one in frames]
    assert told == sequences


def test_the_last_sequence_is_that_of_the_last_stored_message() -> None:
    assert last_sequence([kept(5), kept(8), Delivery(0, 1, b"")]) == 8
    assert last_sequence([]) == 0
