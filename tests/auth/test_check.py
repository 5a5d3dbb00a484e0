import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.check import AuthRules, check_body
from auth.errors import (
    BodyTooLarge,
    ClaimRefused,
    FieldRefused,
    JsonRefused,
    KeyUnknown,
    Refused,
    RoomRefused,
    SessionKeyRefused,
    SignatureWrong,
    TokenExpired,
    TokenMissing,
)
from auth.grant import Grant, Positions, RoomGrant
from auth.keys import KeyRing
from auth.tokens import TokenRules

from .signing import NOW, OPEN, SIGNED_ONLY, TOKENS, token

ALL_ROOMS = RoomGrant("*", receive=True, send=True, history=True)
UNTIL = NOW + 60 + TOKENS.leeway_seconds


def body(**values: Any) -> str:
    return json.dumps(values)


def granted(text: str, rules: AuthRules = SIGNED_ONLY) -> Grant:
    return check_body(text, rules, NOW).grant


def test_a_bare_token_is_a_whole_auth_body() -> None:
    expected = Grant(mid=123, expires_at=UNTIL)
    assert granted(token()) == granted(f" {token()}\r\n") == expected


def test_a_token_in_the_json_wins_over_what_the_json_claims() -> None:
    signed = token(key="k1", room="live://1", platform="ios", accepts=[1000], rooms=["live://*"])
    text = body(mid=1, key="k2", room_id="vip://9", platform="web", accepts=[1, 2], token=signed)
    assert granted(text) == Grant(
        mid=123,
        key="k1",
        room="live://1",
        platform="ios",
        accepts=[1000],
        rooms=[RoomGrant("live://*", True, True, True)],
        expires_at=UNTIL,
    )


def test_what_the_token_does_not_say_is_taken_from_the_json() -> None:
    text = body(mid=1, key="k2", room_id="live://9", platform="web", accepts=[1, 2], token=token())
    assert granted(text) == Grant(
        mid=123,
        key="k2",
        room="live://9",
        platform="web",
        accepts=[1, 2],
        expires_at=UNTIL,
    )


def test_empty_claims_say_nothing_is_allowed() -> None:
    signed = token(key="", room="", accepts=[], rooms=[])
    grant = granted(body(key="k", room_id="live://1", accepts=[1], token=signed))
    assert (grant.key, grant.room, grant.accepts, grant.rooms) == ("", "", [], [])


def test_the_room_that_the_json_asks_for_opens_nothing() -> None:
    grant = granted(body(room_id="vip://9", token=token(rooms=["live://*"])))
    assert grant.room == "vip://9"
    assert not any(one.covers("vip://9") for one in grant.rooms)


def test_the_room_that_the_token_names_is_open_to_its_bearer() -> None:
    vip = RoomGrant("vip://9", receive=True, send=True, history=True)
    assert granted(token(room="vip://9")).rooms == [vip]
    listed = {"pattern": "vip://*", "send": False}
    assert granted(token(room="vip://9", rooms=[listed])).rooms == [RoomGrant("vip://*", True)]
    recorded = {"pattern": "*", "recorded": True}
    assert vip in granted(token(room="vip://9", rooms=[recorded])).rooms
    blind = {"pattern": "vip://*", "receive": False}
    assert granted(token(room="vip://9", rooms=[blind])).rooms == [RoomGrant("vip://*"), vip]


@pytest.mark.parametrize("text", ["{}", "null", body(mid=123), body(mid=123, token="")])
def test_unsigned_json_is_refused_where_tokens_are_asked_for(text: str) -> None:
    with pytest.raises(TokenMissing):
        granted(text)


def test_unsigned_json_is_believed_in_open_mode_and_opens_all_rooms() -> None:
    text = body(mid=7, key="k", room_id="vip://9", platform="web", accepts=[1000])
    assert granted(text, OPEN) == Grant(
        mid=7, key="k", room="vip://9", platform="web", accepts=[1000], rooms=[ALL_ROOMS]
    )
    assert granted("null", OPEN) == granted("{}", OPEN) == Grant(rooms=[ALL_ROOMS])


def test_a_token_is_checked_in_open_mode_too() -> None:
    assert granted(body(mid=1, token=token()), OPEN).mid == 123
    with pytest.raises(SignatureWrong):
        granted(body(mid=1, token=token()[:-3] + "AAA"), OPEN)
    with pytest.raises(TokenExpired):
        granted(body(mid=1, token=token(exp=NOW - 60)), OPEN)
    keyless = AuthRules(TokenRules(KeyRing()), unsigned=True)
    with pytest.raises(KeyUnknown):
        granted(token(), keyless)


def test_in_open_mode_a_token_takes_no_room_away_unless_it_lists_rooms() -> None:
    assert granted(token(), OPEN).rooms == [ALL_ROOMS]
    assert granted(token(rooms=["a://*"]), OPEN).rooms == [RoomGrant("a://*", True, True, True)]


def test_ext_and_resume_come_with_signed_and_unsigned_json() -> None:
    resume = {"member": 5, "all": 0, "rooms": {"live://1": -20}}
    expected = Positions({"member": 5, "all": 0, "live://1": -20})
    for text, rules in (
        (body(ext=1, resume=resume, token=token()), SIGNED_ONLY),
        (body(ext=1, resume=resume), OPEN),
    ):
        grant = granted(text, rules)
        assert grant.ext
        assert grant.resume == expected
    assert granted(body(resume=resume), OPEN).resume is None


def test_a_verdict_names_the_token_by_its_jti_or_by_itself() -> None:
    assert check_body(token(jti="t7"), SIGNED_ONLY, NOW).token_id == "t7"
    assert check_body(token(), SIGNED_ONLY, NOW).token_id == token()
    assert check_body("{}", OPEN, NOW).token_id == ""


@pytest.mark.parametrize("text", ["", "1,417", "hello", "Bearer " + token(), "a.b", "\ufeff{}"])
def test_a_body_of_no_known_form_is_refused(text: str) -> None:
    with pytest.raises(JsonRefused, match="neither a JSON object nor a JWT"):
        granted(text)


def test_a_body_over_the_limit_is_refused_by_its_bytes() -> None:
    small = replace(OPEN, max_body_bytes=20)
    assert granted(body(key="12345678"), small).key == "12345678"
    with pytest.raises(BodyTooLarge, match="21 bytes, 20"):
        granted(body(key="1234567890"), small)
    with pytest.raises(BodyTooLarge, match="22 bytes, 20"):
        granted('{"key": "\u20ac\u20ac\u20ac\u20ac"}'.replace(" ", ""), small)


@pytest.mark.parametrize("room", ["live://", "://1", "x" * 129, "live://" + "\u20ac" * 43])
def test_a_room_that_has_no_subject_is_refused(room: str) -> None:
    resume = {"rooms": {room: 1}}
    for text, rules in (
        (body(room_id=room), OPEN),
        (token(room=room), SIGNED_ONLY),
        (body(ext=1, resume=resume, token=token()), SIGNED_ONLY),
    ):
        with pytest.raises(RoomRefused, match="an id must have 1 to 128 bytes"):
            granted(text, rules)


def test_any_other_room_id_is_let_through_as_goim_does() -> None:
    for room in ("no type", "a://b://c", "live://*", "live://>", "\0", "live://\u4f60\u597d"):
        assert granted(body(room_id=room), OPEN).room == room


def test_a_key_over_128_bytes_is_refused() -> None:
    assert granted(body(key="k" * 128), OPEN).key == "k" * 128
    with pytest.raises(SessionKeyRefused, match="this one has 129"):
        granted(body(key="k" * 129), OPEN)
    with pytest.raises(SessionKeyRefused):
        granted(token(key="\u20ac" * 43))


def test_a_long_platform_is_cut_at_a_whole_character() -> None:
    assert granted(body(platform="x" * 300), OPEN).platform == "x" * 128
    assert granted(body(platform="\u20ac" * 100), OPEN).platform == "\u20ac" * 42
    assert granted(body(platform="\u20ac" * 40), OPEN).platform == "\u20ac" * 40


bodies = st.text() | st.builds(
    lambda values: json.dumps(values),
    st.dictionaries(
        st.sampled_from(["mid", "key", "room_id", "platform", "accepts", "token", "ext", "resume"]),
        st.integers() | st.text() | st.lists(st.integers()) | st.just(token()),
    ),
)


@given(bodies, st.booleans())
def test_any_body_gives_a_grant_or_a_refusal(text: str, unsigned: bool) -> None:
    with suppress(Refused):
        grant = granted(text, OPEN if unsigned else SIGNED_ONLY)
        assert unsigned or grant.mid == 123


def test_rooms_to_hear_are_told_whatever_they_are_called() -> None:
    rooms = ["chat://a", "", "*", "x" * 1000]
    assert granted(body(ext=1, rooms=rooms, token=token()), SIGNED_ONLY).join == rooms
    assert granted(body(ext=1, rooms=rooms), OPEN).join == rooms
    assert granted(body(rooms=rooms), OPEN).join == []


def test_a_device_is_told_and_one_that_is_too_long_refused() -> None:
    assert granted(body(ext=1, device="laptop", token=token())).device == "laptop"
    assert granted(body(ext=1, device="laptop", mid=5), OPEN).device == "laptop"
    assert granted(body(device="laptop", token=token())).device == ""
    with pytest.raises(FieldRefused):
        granted(body(ext=1, device="ä" * 65, token=token()))


def test_how_many_devices_is_the_tokens_to_say() -> None:
    assert granted(token(devices="newest")).devices == "newest"
    assert granted(body(token=token(), devices="newest")).devices == ""
    with pytest.raises(ClaimRefused, match="devices"):
        granted(token(devices="two"))
