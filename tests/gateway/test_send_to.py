"""What an op 20 body may say, and nothing else."""

from json import dumps
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.send_to import SendToRefused, Wanted, read_send_to

TO_ROOM = {"room": "chat://7", "operation": 1000, "body": "hello"}


def read(**values: Any) -> Wanted:
    return read_send_to(dumps(values).encode())


def test_a_message_to_a_room_or_a_member() -> None:
    assert read(**TO_ROOM) == Wanted("chat://7", 0, 1000, b"hello", cast=False)
    to_member = read(member=9, operation=4, bytes="\xff\x00", cast=True)
    assert to_member == Wanted("", 9, 4, b"\xff\x00", cast=True)
    assert read(**TO_ROOM | {"body": ""}).body == b""
    assert read(member=2**63 - 1, operation=2**31 - 1, body="é").body == "é".encode()


@pytest.mark.parametrize(
    "change",
    [
        {"room": ""},
        {"room": 7},
        {"room": None},
        {"room": "chat://"},
        {"room": "chat://" + "x" * 129},
        {"room": "chat://\ud800"},
        {"member": 9},
        {"operation": 9},
        {"operation": 20},
        {"operation": 99},
        {"operation": 2**31},
        {"operation": True},
        {"operation": 1000.0},
        {"operation": "1000"},
        {"operation": None},
        {"body": 5},
        {"body": None},
        {"body": {"text": "hello"}},
        {"body": "\ud800"},
        {"bytes": "x"},
        {"cast": 1},
        {"cast": None},
        {"cats": True},
        {"Cast": True},
        {"sequence": 5},
    ],
)
def test_whatever_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SendToRefused):
        read(**TO_ROOM | change)


@pytest.mark.parametrize("left_out", TO_ROOM)
def test_nothing_may_be_left_out(left_out: str) -> None:
    with pytest.raises(SendToRefused):
        read(**{name: value for name, value in TO_ROOM.items() if name != left_out})


@pytest.mark.parametrize("member", [0, -1, 2**63, 9.0, True, "9", None, [9]])
def test_a_member_is_a_number_over_zero(member: Any) -> None:
    with pytest.raises(SendToRefused):
        read(member=member, operation=4, body="x")


def test_a_byte_is_a_character_up_to_ff() -> None:
    with pytest.raises(SendToRefused, match="over U"):
        read(member=9, operation=4, bytes="\u0100")


@given(st.binary(max_size=60))
@example(b'{"member":9,"member":8,"operation":4,"body":"x"}')
@example(b'{"member":NaN,"operation":4,"body":"x"}')
@example(b'{"member":1e400,"operation":4,"body":"x"}')
@example(b"[" * 5000)
@example(b'{"room":' * 5000)
@example(b"1" * 5000)
@example(b"")
@example(b"null")
def test_any_bytes_are_refused_or_read(body: bytes) -> None:
    with pytest.raises(SendToRefused) as refused:
        read_send_to(body)
    assert str(refused.value)


@pytest.mark.parametrize(
    "room", ["*://>", "a.b", "chat://a b\r\n", "\0://\0", "x://\U0001f600", "="]
)
def test_any_text_can_be_a_room_and_goes_on_as_it_is(room: str) -> None:
    assert read(**TO_ROOM | {"room": room}).room == room
