"""Names of rooms as goim's list of the fullest shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.room_names import RoomTotal, fullest, shown_name


@pytest.mark.parametrize(
    ("room", "name"),
    [
        ("live://1000", "1000"),
        ("live://a/b", "a"),
        ("live://a#b", "a"),
        ("live://a?b=c", "a"),
        ("live://u@x", "x"),
        ("live://u:p@x:80", "x:80"),
        ("live://[::1]:80", "[::1]:80"),
        ("live://x:", "x:"),
        ("live://é", "é"),
        ("live://%C3%A9", "é"),
        ("live://a%25b", "a%b"),
        ("live://", ""),
        ("live:1000", ""),
        ("1000", ""),
        ("/a", ""),
        ("//1000/x", "1000"),
        ("///1000", ""),
        ("a+b.c-d://x", "x"),
    ],
)
def test_the_host_of_the_id_is_shown(room: str, name: str) -> None:
    assert shown_name(room) == name


@pytest.mark.parametrize(
    "room",
    [
        "my_type://x",
        "1live://x",
        "live://a b",
        "live://a%",
        "live://%41",
        "live://a:b",
        "://x",
        "live://a\x00",
        "live://a/%zz",
        "live://a#%z",
        "live://[::1",
        "live://[::1]x",
        "live://u^@x",
        "live://a|b",
        "a b:c",
        "é:1",
    ],
)
def test_what_is_no_url_is_left_out(room: str) -> None:
    assert shown_name(room) is None


@given(st.text(max_size=40))
def test_any_id_has_a_name_or_none(room: str) -> None:
    name = shown_name(room)
    assert name is None or isinstance(name, str)


COUNTS = {"live://1": 3, "live://2": 9, "live://3": 9, "game://1": 20, "live://a b": 30}


def test_the_fullest_rooms_come_first() -> None:
    assert fullest(COUNTS, "live", 10) == [
        RoomTotal("2", 9),
        RoomTotal("3", 9),
        RoomTotal("1", 3),
    ]


def test_the_type_is_compared_with_the_beginning_of_the_whole_id() -> None:
    assert fullest(COUNTS, "li", 1) == [RoomTotal("2", 9)]
    assert fullest(COUNTS, "live://1", 10) == [RoomTotal("1", 3)]
    assert fullest(COUNTS, "x", 10) == []
