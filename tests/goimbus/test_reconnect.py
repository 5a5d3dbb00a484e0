import pytest

from goimbus.reconnect import Backoff, Ending, read_closing_notice
from schemas.close_codes import CloseCode, Retry


def test_delays_double_from_half_a_second_to_30_s_and_the_jitter_takes_any_part() -> None:
    backoff = Backoff()
    longest = [backoff.delay_seconds(Ending(), 1.0) for _ in range(9)]
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.delay_seconds(Ending(), 0.0) == 0


def test_a_login_that_held_begins_the_delays_again_and_a_short_one_does_not() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.delay_seconds(Ending(), 1.0)
    backoff.logged_in_for(9.9)
    assert backoff.delay_seconds(Ending(), 1.0) == 16
    backoff.logged_in_for(10.0)
    assert backoff.delay_seconds(Ending(), 1.0) == 0.5


def test_a_told_delay_is_not_undercut() -> None:
    ending = Ending(1001, after_seconds=4.0)
    assert Backoff().delay_seconds(ending, 0.0) == 4.0
    assert Backoff().delay_seconds(ending, 1.0) == 6.0


@pytest.mark.parametrize("code", list(CloseCode))
def test_without_a_notice_the_close_code_decides(code: CloseCode) -> None:
    assert Ending(code.number).decision is code.retry


def test_a_lost_connection_and_an_unknown_code_come_back_later() -> None:
    assert Ending().decision is Retry.LATER
    assert Ending(4999).decision is Retry.LATER


def test_a_notice_wins_over_the_table() -> None:
    notice = {"code": 4011, "message": "updating", "retry": "later", "after": 3}
    assert read_closing_notice(notice) == Ending(4011, "updating", Retry.LATER, 3.0)
    assert read_closing_notice(notice).reason == "updating (4011)"


@pytest.mark.parametrize(
    "notice", [None, [], {}, {"code": "x", "after": "y", "retry": 5}, {"after": -1, "retry": "?"}]
)
def test_an_odd_notice_falls_back_to_coming_back_later(notice: object) -> None:
    ending = read_closing_notice(notice)
    assert (ending.decision, ending.after_seconds) == (Retry.LATER, 0.0)


def test_an_endless_delay_is_not_believed() -> None:
    assert read_closing_notice({"code": 1001, "after": float("inf")}).after_seconds == 3600


def test_the_reason_is_the_words_of_the_server_or_of_the_table() -> None:
    assert Ending(4005).reason == "another connection took its place (4005)"
    assert Ending().reason == "the connection was lost"
    assert Ending(4777).reason == "closed with code 4777"
