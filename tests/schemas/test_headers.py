import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import (
    FROM,
    LAST_SEQUENCE,
    SEQUENCE,
    encode_headers,
    header_number,
    header_value,
    republished,
    status,
)

FORGED = (
    b"NATS/1.0\r\nNats-Sequence: 999\r\nX: y\r\nNats-Sequence: 7\r\nNats-Last-Sequence:3\r\n\r\n"
)

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=30)


def test_of_a_forged_and_the_servers_value_the_last_counts() -> None:
    assert header_value(FORGED, SEQUENCE) == "7"
    assert header_number(FORGED, SEQUENCE) == 7


PLAIN = (
    b"NATS/1.0\r\nNats-Stream: GOIM_ROOM\r\nNats-Subject: goim.push.room.live.1.4\r\n"
    b"Nats-Sequence: 17\r\nNats-Time-Stamp: 2026-11-30T01:00:00.5Z\r\nNats-Last-Sequence: 9\r\n\r\n"
)


@pytest.mark.parametrize("own", [b"", b"Nats-Msg-Id: \r\n", b"Nats-Msg-Id: room.1 7\r\n"])
def test_a_block_of_nats_servers_alone_is_read_at_once(own: bytes) -> None:
    block = PLAIN.replace(b"\r\n", b"\r\n" + own, 1)
    assert republished(block) == (17, 9)
    assert (header_number(block, SEQUENCE), header_number(block, LAST_SEQUENCE)) == (17, 9)


@pytest.mark.parametrize(
    "block",
    [
        FORGED,
        PLAIN[:-2],
        PLAIN.replace(b"\r\n", b"\r\nGoim-Stamp: 1\r\n", 1),
        PLAIN.replace(b"\r\n", b"\r\nNats-Sequence: 99\r\n", 1),
        PLAIN[:-2] + b"Goim-From: 5\r\n\r\n",
        PLAIN[:-2] + PLAIN[10:],
        PLAIN.replace(b"17", b"-17"),
        PLAIN.replace(b"17", b"1" * 20),
    ],
)
def test_a_block_with_anything_else_is_to_be_read_header_by_header(block: bytes) -> None:
    assert republished(block) is None


def test_a_name_that_ends_alike_is_another_header() -> None:
    assert header_number(FORGED, LAST_SEQUENCE) == 3
    block = b"NATS/1.0\r\nMy-Nats-Sequence: 5\r\n\r\n"
    assert header_value(block, SEQUENCE) == ""


def test_names_are_case_sensitive() -> None:
    assert header_value(b"NATS/1.0\r\nnats-sequence: 5\r\n\r\n", SEQUENCE) == ""


@pytest.mark.parametrize("block", [None, b"", b"NATS/1.0\r\n\r\n", b"garbage", b"Nats-Sequence: 5"])
def test_an_absent_header_is_empty_and_zero(block: bytes | None) -> None:
    assert (header_value(block, SEQUENCE), header_number(block, SEQUENCE)) == ("", 0)


@pytest.mark.parametrize("value", ["-1", "1.5", "", "x", "٣", "1" * 20, "+1", "1 2"])
def test_what_is_no_number_counts_as_zero(value: str) -> None:
    assert header_number(f"NATS/1.0\r\nNats-Sequence: {value}\r\n\r\n".encode(), SEQUENCE) == 0


def test_a_cut_block_still_gives_the_value() -> None:
    assert header_value(b"NATS/1.0\r\nGoim-From: 12", FROM) == "12"


@pytest.mark.parametrize(
    ("block", "number"),
    [
        (b"NATS/1.0 503\r\n\r\n", 503),
        (b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 4\r\n\r\n", 100),
        (b"NATS/1.0\r\nA: 503\r\n\r\n", 0),
        (b"NATS/1.0 \r\n\r\n", 0),
        (b"", 0),
        (None, 0),
    ],
)
def test_the_status_is_read_from_the_first_line(block: bytes | None, number: int) -> None:
    assert status(block) == number


@given(headers=st.dictionaries(names, values, max_size=5))
def test_encoded_headers_read_back(headers: dict[str, str]) -> None:
    block = encode_headers(headers)
    for name, value in headers.items():
        assert header_value(block, name) == value.encode().strip().decode()


@pytest.mark.parametrize("value", ["a\r\nNats-Msg-Id: x", "a\nb", "\r"])
def test_a_value_with_a_line_break_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Goim-From holds a line break"):
        encode_headers({FROM: value})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "a\0"])
def test_a_name_that_would_break_the_block_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can't be a header's name"):
        encode_headers({name: "x"})
