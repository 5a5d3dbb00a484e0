"""What clients say in ops 14, 16, 18, 21 and 23."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import read_operations, read_positions, read_room_wish


@pytest.mark.parametrize(
    ("body", "operations"),
    [
        (b"", set()),
        (b"5", {5}),
        (b"+5", {5}),
        (b"-5", {-5}),
        (b"0005", {5}),
        (b"00000000000000000005", {5}),
        (b"5,5,6", {5, 6}),
        (b"2147483647,-2147483648", {2**31 - 1, -(2**31)}),
        (b"2147483648", set()),
        (b"-2147483649", set()),
        (b"99999999999999999999", set()),
        (b"1003, 1004", set()),
        (b" 5", set()),
        (b"5 ", set()),
        (b"5,", set()),
        (b",5", set()),
        (b",", set()),
        (b"1_0", set()),
        (b"0x10", set()),
        (b"1.0", set()),
        (b"+-5", set()),
        (b"+", set()),
        (b"-", set()),
        (b"\xd9\xa5", set()),
        (b"\xff", set()),
        (b"5\n", set()),
        (b"\0", set()),
    ],
)
def test_a_list_of_operations_is_read_as_go_does(body: bytes, operations: set[int]) -> None:
    assert read_operations(body) == operations


@given(body=st.binary(max_size=40) | st.text("0123456789,+- ", max_size=40).map(str.encode))
def test_any_list_gives_int32s(body: bytes) -> None:
    assert all(-(2**31) <= one < 2**31 for one in read_operations(body))


@pytest.mark.parametrize(
    ("body", "positions"),
    [
        (b"{}", {}),
        (b"[]", {}),
        (b"5", {}),
        (b"", {}),
        (b"{", {}),
        (b"\xff", {}),
        (b"[" * 4000, {}),
        (b'{"member":' + b"9" * 4400 + b"}", {}),
        (b'{"member":1,"all":true,"x":-1,"y":1.0,"z":"5","w":null}', {"member": 1}),
        (b'{"member":9223372036854775807,"all":9223372036854775808}', {"member": 2**63 - 1}),
        (b'{"rooms":[1],"all":3}', {"all": 3}),
        (b'{"rooms":{"a://b":3,"c://d":"x"}}', {"a://b": 3}),
    ],
)
def test_positions_that_make_no_sense_count_for_nothing(
    body: bytes, positions: dict[str, int]
) -> None:
    assert read_positions(body) == positions


@given(body=st.binary(max_size=60) | st.binary(max_size=60).map(b'{"room":'.__add__))
def test_any_body_is_a_wish_for_a_room_or_none(body: bytes) -> None:
    wish = read_room_wish(body)
    assert wish is None or -(2**63) <= (wish[1] or 0) < 2**63


@given(body=st.binary(max_size=60) | st.binary(max_size=60).map(b"{".__add__))
def test_any_body_gives_positions(body: bytes) -> None:
    assert all(0 <= number < 2**63 for number in read_positions(body).values())


def test_numbers_of_any_length_are_read_as_go_reads_them() -> None:
    assert read_operations(b"0" * 5000 + b"7,-00,+5") == {7, 0, 5}
    assert read_operations(b"9" * 5000) == set()
