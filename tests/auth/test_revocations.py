import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import MemberBlocked, Refused, TokenOutdated, TokenRevoked
from auth.revocations import Revocations, member_key, token_key
from auth.tokens import Identity

NOW = 1000.0


def identity(
    token_id: str = "login.1", generation: int | None = 2, issued_at: float = 0.0
) -> Identity:
    return Identity(7, 0, token_id, issued_at=issued_at, generation=generation)


def table(**entries: object) -> Revocations:
    revocations = Revocations()
    for key, value in entries.items():
        revocations.take(key, json.dumps(value).encode(), NOW)
    return revocations


def verdict(revocations: Revocations, one: Identity) -> type[Refused] | None:
    try:
        revocations.check(one)
    except Refused as refused:
        return type(refused)
    return None


def test_a_token_is_revoked_by_its_name_or_that_of_its_login() -> None:
    for name in ("login.1", "login"):
        revocations = table(**{token_key(name): {"until": 2000}})
        assert verdict(revocations, identity()) is TokenRevoked
        assert verdict(revocations, identity("other.1")) is None
        assert verdict(revocations, identity("")) is None
        revocations.drop(token_key(name))
        assert verdict(revocations, identity()) is None


def test_a_member_s_tokens_are_void_by_generation_or_by_time() -> None:
    revocations = table(**{member_key(7): {"generation": 3, "before": 500.5}})
    assert verdict(revocations, identity(generation=2, issued_at=999)) is TokenOutdated
    assert verdict(revocations, identity(generation=3)) is None
    assert verdict(revocations, identity(generation=None, issued_at=500)) is TokenOutdated
    assert verdict(revocations, identity(generation=None, issued_at=501)) is None
    by_time = table(**{member_key(7): {"before": 500}})
    assert verdict(by_time, identity(generation=2, issued_at=499)) is TokenOutdated


def test_a_blocked_member_is_out_whatever_it_shows() -> None:
    revocations = table(**{member_key(7): {"blocked": True}})
    assert verdict(revocations, identity(generation=99, issued_at=9e9)) is MemberBlocked
    with pytest.raises(MemberBlocked):
        revocations.check_member(7)
    revocations.check_member(8)
    revocations.clear()
    assert verdict(revocations, identity()) is None


def test_what_no_token_needs_any_more_is_forgotten() -> None:
    revocations = Revocations()
    for number in range(1000):
        until = 1500 if number % 2 else 0
        revocations.take(token_key(f"t{number}"), json.dumps({"until": until}).encode(), NOW)
    assert len(revocations) == 1000
    for number in range(1000):
        revocations.take(token_key("one"), b"{}", 1600.0 + number)
    assert len(revocations) == 501


@given(st.text(st.characters(max_codepoint=127)), st.binary())
def test_an_entry_of_anybody_s_making_does_no_harm(key: str, value: bytes) -> None:
    revocations = Revocations()
    for start in ("", "token.", "member."):
        revocations.take(start + key, value, NOW)
        revocations.drop(start + key)
    assert len(revocations) == 0


def test_unreadable_entries_are_counted() -> None:
    revocations = Revocations()
    for key, value in (
        ("member.x", b"{}"),
        ("member.1", b"[]"),
        ("token.=ZZ", b"{}"),
        ("other", b"{}"),
        ("member.1", b'{"generation":"x"}'),
    ):
        revocations.take(key, value, NOW)
    assert revocations.refused >= 4
