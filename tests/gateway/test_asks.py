import pytest

from gateway.asks import (
    AskRefused,
    Budget,
    HistoryWish,
    ReadWish,
    read_history_wish,
    read_reading,
)
from gateway.session import Ask, Reply
from schemas.frame import Frame
from tests.gateway.test_session import NOW, open_session


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        (b'{"room": "chat://7"}', HistoryWish("chat://7", 0, 0, 50)),
        (b'{"member": 9, "before": 12, "limit": 3}', HistoryWish("", 9, 12, 3)),
        (b'{"room": "a", "limit": 9999}', HistoryWish("a", 0, 0, 200)),
        (b'{"room": "a", "before": null, "limit": 0}', HistoryWish("a", 0, 0, 50)),
        (b'{"member": 9223372036854775807}', HistoryWish("", 2**63 - 1, 0, 50)),
    ],
)
def test_a_page_of_a_room_or_with_a_member_is_asked_for(body: bytes, wish: HistoryWish) -> None:
    assert read_history_wish(body, 200) == wish


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"\xff",
        b"{" * 3000,
        b'{"room": ""}',
        b'{"room": 7}',
        b'{"room": "a", "member": 9}',
        b'{"member": "9"}',
        b'{"member": -9}',
        b'{"member": true}',
        b'{"member": 9223372036854775808}',
        b'{"room": "a", "before": -1}',
        b'{"room": "a", "before": 1.5}',
        b'{"room": "a", "limit": "many"}',
    ],
)
def test_a_page_of_nothing_that_there_is_is_refused(body: bytes) -> None:
    with pytest.raises(AskRefused) as refused:
        read_history_wish(body, 200)
    error = refused.value.error
    assert (error["code"], error["reason"], error["retry"]) == (400, "malformed", "never")


def test_what_is_read_is_told_by_room_and_member() -> None:
    wish = read_reading(b'{"rooms": {"chat://7": 12, "chat://8": 0}, "members": {"9": 3}}')
    assert wish == ReadWish({"chat://7": 12, "chat://8": 0}, {9: 3})
    assert not wish.everything
    for body in (b"", b"{}", b'{"rooms": {}, "members": null}'):
        assert read_reading(body).everything


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        b'{"rooms": ["chat://7"]}',
        b'{"members": 9}',
        b'{"rooms": {"chat://7": -1}}',
        b'{"rooms": {"chat://7": "12"}}',
        b'{"members": {"9": null}}',
        b'{"members": {"0": 1}}',
        b'{"members": {"-9": 1}}',
        b'{"members": {"nine": 1}}',
        b'{"members": {"9223372036854775808": 1}}',
        b'{"members": {"\xc2\xb2": 1}}',
    ],
)
def test_what_is_read_of_nothing_that_there_is_is_refused(body: bytes) -> None:
    with pytest.raises(AskRefused):
        read_reading(body)


def test_only_ext_clients_ask_and_no_other_frame_waits_for_it() -> None:
    for operation in (30, 32):
        session = open_session(ext=True)
        action = session.receive_frame(Frame(1, operation, 7, b"{}"), NOW)
        assert action == Ask(operation, b"{}", 1, 7)
        assert not session.waiting
        session = open_session(ext=False)
        assert session.receive_frame(Frame(1, operation, 7, b"{}"), NOW) == Reply(
            operation, b"", 1, 7
        )


def test_so_many_at_once_and_so_many_in_the_long_run() -> None:
    budget = Budget(100.0, burst=3)

    def asked(now: float) -> str:
        try:
            budget.take(now, per_second=2.0, burst=3, at_once=2)
        except AskRefused as refused:
            return f"{refused.error['code']} {refused.rule}"
        return ""

    assert [asked(100), asked(100), asked(100)] == ["", "", "429 asks_at_once"]
    budget.under_way -= 2
    assert [asked(100), asked(100)] == ["", "429 asks_per_second"]
    assert asked(100.5) == ""
    budget.under_way = 0
    assert [asked(200), asked(200), budget.under_way] == ["", "", 2]
