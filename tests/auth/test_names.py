from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import AccountRefused
from auth.names import (
    check_device,
    fold_name,
    name_digest,
    normal_password,
    settle_contact,
    settle_name,
    settle_password,
)


def settled(work: Callable[[], str], reason: str) -> str | None:
    """Return what came of it; None when it was refused, for that reason."""
    try:
        return work()
    except AccountRefused as error:
        refused = error
    assert refused.reason == reason
    return None


anything = st.text(st.characters(), max_size=70) | st.text(max_size=5).map(lambda one: one * 2000)


@given(anything)
def test_any_text_is_a_settled_name_or_refused(text: str) -> None:
    name = settled(lambda: settle_name(text), "bad_name")
    if name is None:
        return
    assert 3 <= len(name) <= 64
    assert name.isprintable()
    assert settle_name(name) == name
    assert name_digest(name) == name_digest(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_folding_is_done_once(text: str) -> None:
    folded = fold_name(text)
    assert fold_name(folded) == folded
    assert name_digest(text) == name_digest(folded)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "ANN"),
        ("Stra\u00dfe", "STRASSE"),
        ("\uff21nn", "ann"),
        ("\u212bngstr\u00f6m", "\u00e5ngstro\u0308m"),
        ("\ufb01ne", "FINE"),
    ],
)
def test_spellings_of_one_name_have_one_digest(one: str, other: str) -> None:
    assert name_digest(one) == name_digest(other)


def test_names_that_look_different_stay_different() -> None:
    assert name_digest("ann") != name_digest("anna")
    assert name_digest("\u0430nn") != name_digest("ann")  # a Cyrillic letter: nobody's business yet


@given(anything)
def test_any_text_has_a_digest_that_is_one_subject_token(text: str) -> None:
    digest = name_digest(text)
    assert len(digest) == 64
    assert digest.isalnum()


@given(st.text(st.characters(), max_size=1100))
def test_any_text_is_a_password_or_refused(text: str) -> None:
    password = settled(lambda: settle_password(text, "the name"), "bad_password")
    assert password is None or len(password) >= 8


def test_a_password_that_is_the_name_is_refused_in_any_spelling() -> None:
    with pytest.raises(AccountRefused, match="the password is the name"):
        settle_password("LONGNAME", "Longname")
    with pytest.raises(AccountRefused, match="at most 1024 bytes, this one has 1025"):
        normal_password("x" * 1025)


@given(st.text(max_size=300))
def test_a_contact_is_visible_or_refused(text: str) -> None:
    contact = settled(lambda: settle_contact(text), "bad_contact")
    assert not set(contact or "") & set("\r\n\0")


@given(st.text(max_size=140), st.text(max_size=140), st.text(max_size=140))
def test_what_a_device_says_fits_a_token_or_is_refused(platform: str, key: str, room: str) -> None:
    def checked() -> str:
        check_device(platform, key, room, 0)
        return room

    if settled(checked, "bad_field") is None:
        return
    assert all(len(one.encode()) <= 260 for one in (platform, key, room))
