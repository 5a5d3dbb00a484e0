"""Whatever the auth responder answers is a grant, a refusal, or unreadable."""

from json import dumps
from math import isfinite
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.grants import Grant, GrantUnreadable, RoomRight, TokenRefused, read_grant
from gateway.room_denial import token_gives
from schemas import messages_pb2

FULL = {
    "mid": 123,
    "key": "phone",
    "room": "live://1000",
    "platform": "web",
    "accepts": [1000, 1001],
    "rooms": [{"pattern": "live://*", "receive": True, "send": False, "history": True}],
    "expires_at": 1_800_000_000,
    "ext": True,
    "resume": {"topics": {"member": 7, "live://1000": -20}},
}
GRANT = Grant(
    mid=123,
    key="phone",
    room="live://1000",
    platform="web",
    accepts=frozenset({1000, 1001}),
    rooms=(RoomRight("live://*", receive=True, send=False, history=True),),
    expires_at=1_800_000_000.0,
    ext=True,
    resume={"member": 7, "live://1000": -20},
)


def may(grant: Grant, right: str, room: str) -> bool:
    return token_gives(right, grant.rooms, room, "room.of.no-record", None)


def grant_of(**values: Any) -> Grant:
    return read_grant(dumps(values).encode())


def test_a_grant_is_read_from_json() -> None:
    assert read_grant(dumps(FULL).encode()) == GRANT


def test_a_field_that_nobody_knows_changes_nothing() -> None:
    assert read_grant(dumps(FULL | {"unknown": [1]}).encode()) == GRANT


def test_a_grant_is_read_from_protobuf() -> None:
    message = messages_pb2.Grant(
        mid=123,
        key="phone",
        room="live://1000",
        platform="web",
        accepts=[1000, 1001],
        rooms=[messages_pb2.RoomGrant(pattern="live://*", receive=True, history=True)],
        expires_at=1_800_000_000,
        ext=True,
        resume=messages_pb2.Positions(topics={"member": 7, "live://1000": -20}),
    )
    assert read_grant(message.SerializeToString()) == GRANT


def test_numbers_may_be_texts_and_names_as_protobuf_writes_them_in_json() -> None:
    grant = grant_of(mid="123", accepts=["1000"], expiresAt="1800000000", resume={"all": "5"})
    assert grant == Grant(mid=123, accepts=frozenset({1000}), expires_at=1.8e9, resume={"all": 5})


def test_an_empty_object_and_nulls_grant_an_anonymous_connection() -> None:
    nulls: dict[str, None] = dict.fromkeys(FULL)
    assert read_grant(b"{}") == Grant() == read_grant(dumps(nulls | {"error": None}).encode())


def test_a_right_may_be_just_a_pattern() -> None:
    grant = grant_of(rooms=["live://1", {"pattern": "chat://*", "receive": True}])
    assert grant.rooms == (
        RoomRight("live://1"),
        RoomRight("chat://*", receive=True, send=False, history=False),
    )
    assert may(grant, "send", "live://1")
    assert not may(grant, "send", "live://10")
    assert may(grant, "receive", "chat://any")
    assert not may(grant, "send", "chat://any")
    assert not may(grant, "receive", "chat:/")


def test_a_right_may_be_one_in_rooms_with_a_record_alone() -> None:
    described = {"pattern": "*", "receive": True, "send": True, "recorded": True}
    grant = grant_of(rooms=[described])
    assert grant.rooms == (RoomRight("*", history=False, recorded=True),)
    assert not may(grant, "receive", "chat://any")


@pytest.mark.parametrize(
    ("error", "number", "words"),
    [
        ({"code": 4001, "message": "no"}, 4001, "no"),
        ({"code": "4002"}, 4002, ""),
        ({"message": "no code"}, 0, "no code"),
        ({}, 0, ""),
    ],
)
def test_any_error_object_is_a_refusal(error: Any, number: int, words: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        read_grant(dumps(FULL | {"error": error}).encode())
    assert (caught.value.number, caught.value.words) == (number, words)
    assert str(caught.value) == f"{number} {words}"


def test_a_refusal_is_read_from_protobuf() -> None:
    refusal = messages_pb2.Grant(error=messages_pb2.Error(code=4001, message="no"))
    with pytest.raises(TokenRefused) as caught:
        read_grant(refusal.SerializeToString())
    assert caught.value.number == 4001
    with pytest.raises(TokenRefused):
        read_grant(messages_pb2.Grant(error=messages_pb2.Error()).SerializeToString())


@pytest.mark.parametrize(
    "values",
    [
        {"error": "no"},
        {"error": ["no"]},
        {"error": {"code": 2**31}},
        {"mid": 1.0},
        {"mid": True},
        {"mid": 2**63},
        {"mid": "1e3"},
        {"mid": [1]},
        {"key": 5},
        {"key": "\ud800"},
        {"room": "live://\udfff"},
        {"platform": {}},
        {"accepts": "1000"},
        {"accepts": {"1000": 1}},
        {"accepts": [2**31]},
        {"accepts": [None]},
        {"rooms": "live://1"},
        {"rooms": [5]},
        {"rooms": [{}]},
        {"rooms": [{"pattern": "x", "receive": "yes"}]},
        {"expires_at": float("nan")},
        {"expires_at": float("inf")},
        {"expires_at": -1},
        {"expires_at": 10**400},
        {"expires_at": True},
        {"ext": 1},
        {"resume": [5]},
        {"resume": {"topics": [5]}},
        {"resume": {"all": 2**63}},
        {"resume": {"\ud800": 1}},
    ],
)
def test_a_value_of_the_wrong_kind_makes_the_answer_unreadable(values: dict[str, Any]) -> None:
    with pytest.raises(GrantUnreadable):
        read_grant(dumps(values).encode())


@pytest.mark.parametrize(
    "payload", [b"", b"{", b'{"mid":1}x', b"null", b"[]", b"\xff\xfe", b"{" * 100_000, b"-ERR"]
)
def test_no_grant_comes_from_what_is_none(payload: bytes) -> None:
    with pytest.raises(GrantUnreadable):
        read_grant(payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(values=st.dictionaries(st.sampled_from([*FULL, "error", "expiresAt"]), json_values))
def test_any_json_grants_refuses_or_is_unreadable(values: dict[str, Any]) -> None:
    check(dumps(values).encode())


@given(payload=st.binary(max_size=64) | st.binary(max_size=64).map(b"{".__add__))
@example(b'{"expires_at":1e999}')
@example(b'{"mid":' + b"9" * 5000 + b"}")
def test_any_bytes_grant_refuse_or_are_unreadable(payload: bytes) -> None:
    check(payload)


def check(payload: bytes) -> None:
    try:
        grant = read_grant(payload)
    except (TokenRefused, GrantUnreadable):
        return
    assert -(2**63) <= grant.mid < 2**63
    assert isfinite(grant.expires_at)
    assert all(-(2**31) <= operation < 2**31 for operation in grant.accepts)
    assert all(-(2**63) <= number < 2**63 for number in grant.resume.values())
    for text in (grant.key, grant.room, grant.platform, *grant.resume):
        text.encode()
