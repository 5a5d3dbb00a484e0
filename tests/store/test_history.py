from hypothesis import given
from hypothesis import strategies as st

from schemas.messages_pb2 import HistoryRequest
from store.history import DEFAULT_MESSAGES, MOST_MESSAGES, plan_history
from store.replay import Page, Reply
from tests.store.test_replay import state_of

SEQUENCES = st.lists(st.integers(1, 200), unique=True, max_size=40).map(sorted)


def read(page: Page) -> list[int]:
    reply = Reply([page], 10**9)
    while reads := reply.next_reads():
        reply.take(reads, [b"%d" % sequence for _, sequence in reads])
    return [int(message) for message in page.in_order()]


@given(SEQUENCES, st.integers(1, 7))
def test_pages_back_from_the_end_hold_everything_once(there: list[int], limit: int) -> None:
    state = state_of(there, end=300)
    got: list[int] = []
    before = 0
    while True:
        page = plan_history(HistoryRequest(before=before, limit=limit), "S", state)
        found = read(page)
        assert found == sorted(found)
        assert len(found) <= limit
        got = found + got
        if not page.more:
            break
        before = page.started_after + 1
    assert got == there


@given(SEQUENCES, st.integers(1, 7), st.integers(1, 250))
def test_pages_forward_hold_everything_once(there: list[int], limit: int, after: int) -> None:
    state = state_of(there, end=300)
    got: list[int] = []
    start = after
    while True:
        page = plan_history(HistoryRequest(after=start, limit=limit), "S", state)
        got += read(page)
        if not page.more:
            break
        start = page.reached
    assert page.reached == 300
    assert got == [one for one in there if one > after]


def test_with_both_bounds_a_page_ends_below_before() -> None:
    state = state_of([10, 20, 30, 40])
    page = plan_history(HistoryRequest(after=10, before=40), "S", state)
    assert read(page) == [20, 30]
    assert (page.more, page.reached) == (False, 39)
    page = plan_history(HistoryRequest(after=10, before=40, limit=1), "S", state)
    assert read(page) == [20]
    assert (page.more, page.reached) == (True, 20)


def test_a_forward_page_tells_what_is_gone() -> None:
    state = state_of([60], gone=50)
    assert plan_history(HistoryRequest(after=40), "S", state).gap_to == 50
    assert plan_history(HistoryRequest(after=50), "S", state).gap_to == 0


def test_the_oldest_page_begins_where_the_history_does() -> None:
    page = plan_history(HistoryRequest(), "S", state_of([60], gone=50))
    assert read(page) == [60]
    assert (page.started_after, page.gap_to, page.more) == (50, 0, False)


def test_a_page_has_a_default_and_a_highest_size() -> None:
    state = state_of(list(range(1, 1000)), end=1000)
    assert len(read(plan_history(HistoryRequest(), "S", state))) == DEFAULT_MESSAGES
    assert len(read(plan_history(HistoryRequest(limit=9999), "S", state))) == MOST_MESSAGES
    assert len(read(plan_history(HistoryRequest(after=1, limit=9999), "S", state))) == MOST_MESSAGES
