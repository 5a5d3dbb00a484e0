from base64 import urlsafe_b64decode

from hypothesis import given
from hypothesis import strategies as st

from auth.account import Account
from auth.logins import (
    Use,
    begin_login,
    decode_login,
    encode_login,
    is_void,
    judge_use,
    parse_refresh_token,
    rotate,
)

ACCOUNT = Account(mid=7, name="Ann", password="x", generation=3, logins_generation=2)


def test_a_token_is_32_random_bytes_of_which_only_a_hash_is_kept() -> None:
    login, token = begin_login(ACCOUNT, "digest", "web", "k", [1], "", 100.0)
    text = token.text()
    secret = urlsafe_b64decode(text.partition(".")[2] + "=")
    assert len(secret) == 32
    assert secret not in encode_login(login)
    assert text.partition(".")[2].encode() not in encode_login(login)
    assert parse_refresh_token(text) == token
    assert decode_login(encode_login(login)) == login
    assert "salt" not in repr(login)


@given(st.text())
def test_any_other_text_is_no_token(text: str) -> None:
    assert parse_refresh_token(text) is None


@given(st.lists(st.integers(0, 4), max_size=8), st.floats(0, 30))
def test_only_the_newest_token_and_in_the_grace_time_the_one_before_are_good(
    places: list[int], seconds: float
) -> None:
    login, token = begin_login(ACCOUNT, "digest", "", "", [], "", 0.0)
    tokens = [token]
    for _ in range(4):
        tokens.append(rotate(login, tokens[-1], 0.0))
    for place in places:
        expected = Use.REUSED
        if place == 4:
            expected = Use.GOOD
        elif place == 3 and seconds <= 10:
            expected = Use.RETRY
        assert judge_use(login, tokens[place], seconds, 10.0) is expected


def test_a_retry_leads_to_the_token_that_is_there_already() -> None:
    login, first = begin_login(ACCOUNT, "digest", "", "", [], "", 0.0)
    second = rotate(login, first, 5.0)
    assert rotate(login, first, 9.0) == second
    assert login.rotated_at == 5.0
    assert judge_use(login, second, 9.0, 10.0) is Use.GOOD


def test_a_login_of_an_older_generation_is_void() -> None:
    login, _ = begin_login(ACCOUNT, "digest", "", "", [], "", 0.0)
    account = Account(mid=7, name="Ann", password="x", generation=3, logins_generation=3)
    assert not is_void(login, account)
    account.void_tokens(0.0, logins=False)
    assert not is_void(login, account)
    account.void_tokens(0.0, logins=True)
    assert is_void(login, account)
    assert is_void(login, Account(mid=8, name="Bob", password="x"))
