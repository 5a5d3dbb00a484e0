from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages_pb2 import HistoryRequest
from store.conversations import Conversations
from store.errors import StoreError
from store.history import (
    DEFAULT_MESSAGES,
    MOST_MESSAGES,
    asked_topic,
    peer_source,
    plan_history,
    source_of,
    topic_source,
)
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
        page = plan_history(HistoryRequest(before=before, limit=limit), "S", topic_source(state))
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
        page = plan_history(HistoryRequest(after=start, limit=limit), "S", topic_source(state))
        got += read(page)
        if not page.more:
            break
        start = page.reached
    assert page.reached == 300
    assert got == [one for one in there if one > after]


def test_with_both_bounds_a_page_ends_below_before() -> None:
    state = state_of([10, 20, 30, 40])
    page = plan_history(HistoryRequest(after=10, before=40), "S", topic_source(state))
    assert read(page) == [20, 30]
    assert (page.more, page.reached) == (False, 39)
    page = plan_history(HistoryRequest(after=10, before=40, limit=1), "S", topic_source(state))
    assert read(page) == [20]
    assert (page.more, page.reached) == (True, 20)


def test_a_forward_page_tells_what_is_gone() -> None:
    state = state_of([60], gone=50)
    assert plan_history(HistoryRequest(after=40), "S", topic_source(state)).gap_to == 50
    assert plan_history(HistoryRequest(after=50), "S", topic_source(state)).gap_to == 0


def test_the_oldest_page_begins_where_the_history_does() -> None:
    page = plan_history(HistoryRequest(), "S", topic_source(state_of([60], gone=50)))
    assert read(page) == [60]
    assert (page.started_after, page.gap_to, page.more) == (50, 0, False)


def test_a_page_has_a_default_and_a_highest_size() -> None:
    state = state_of(list(range(1, 1000)), end=1000)
    assert len(read(plan_history(HistoryRequest(), "S", topic_source(state)))) == DEFAULT_MESSAGES
    assert (
        len(read(plan_history(HistoryRequest(limit=9999), "S", topic_source(state))))
        == MOST_MESSAGES
    )
    assert (
        len(read(plan_history(HistoryRequest(after=1, limit=9999), "S", topic_source(state))))
        == MOST_MESSAGES
    )


@given(SEQUENCES, st.lists(st.integers(1, 5), min_size=1), st.sets(st.integers(1, 200)))
def test_pages_of_any_sizes_hold_each_direct_message_once(
    there: list[int], limits: list[int], with_others: set[int]
) -> None:
    talks = Conversations()
    for sequence in there:
        talks.append(5, 9, sequence, own=False)
    for sequence in sorted(with_others - {*there}):
        talks.append(5, 7, sequence, own=True)
    source = peer_source(state_of([], end=300), talks, 5, 9)
    got: list[int] = []
    before = 0
    for limit in cycle(limits):
        found = read(page := plan_history(HistoryRequest(before=before, limit=limit), "S", source))
        got = found + got
        if not page.more:
            break
        before = found[0]
    assert got == there


@given(
    SEQUENCES,
    st.lists(st.integers(1, 5), min_size=1),
    st.lists(st.integers(1, 300), min_size=1),
    st.sets(st.integers(1, 200)),
)
def test_neither_do_bytes_or_deleted_messages_make_any_come_twice_or_never(
    there: list[int], limits: list[int], most_bytes: list[int], deleted: set[int]
) -> None:
    state = state_of(there, end=300)
    got: list[int] = []
    before = 0
    for limit, most in zip(cycle(limits), cycle(most_bytes), strict=False):
        request = HistoryRequest(before=before, limit=limit)
        while True:  # as the store does
            page = plan_history(request, "S", topic_source(state))
            fill(Reply([page], most), deleted)
            for sequence in page.gone:
                state.index.discard(state.topic, sequence)
            if page.messages or not page.gone or not page.more:
                break
        found = [message[0] for message in page.in_order()]
        got = found + got
        if not page.more:
            break
        before = found[0]
    assert got == [one for one in there if one not in deleted]


def fill(reply: Reply, deleted: set[int]) -> None:
    """Read messages of 1 to 200 bytes, the first byte of each its sequence."""
    while reads := reply.next_reads():
        found = [None if one in deleted else bytes([one]) * one for _, one in reads]
        reply.take(reads, found)


def test_a_page_names_a_topic_a_room_or_members() -> None:
    for request, topic in (
        (HistoryRequest(topic="all"), "all"),
        (HistoryRequest(room="chat://a.b"), "room.chat.a=2Eb"),
        (HistoryRequest(mid=5), "member.5"),
        (HistoryRequest(mid=5, peer=9), "member.5"),
    ):
        assert asked_topic(request) == topic


@pytest.mark.parametrize(
    "request_",
    [
        HistoryRequest(),
        HistoryRequest(peer=9),
        HistoryRequest(mid=5, peer=9, topic="room.vip.7"),
        HistoryRequest(mid=5, room="vip://7"),
        HistoryRequest(topic="member.5", room="vip://7"),
        HistoryRequest(mid=-5, peer=9),
        HistoryRequest(mid=5, peer=-9),
        HistoryRequest(room="x" * 300),
        HistoryRequest(topic="member.*"),
    ],
)
def test_a_page_of_nothing_that_there_can_be_is_refused(request_: HistoryRequest) -> None:
    with pytest.raises(StoreError) as refused:
        asked_topic(request_)
    assert str(refused.value)


def test_a_conversation_knows_from_where_on_it_is_kept_and_tells_no_gap() -> None:
    talks = Conversations()
    talks.append(5, 9, 60, own=False)
    request = HistoryRequest(mid=5, peer=9)
    source = source_of(request, state_of([60], gone=50), talks)
    assert (source.gone_to, source.gap_to) == (50, 0)
    assert read(plan_history(request, "S", source)) == [60]
    assert source_of(HistoryRequest(mid=5), state_of([60], gone=50), talks).gap_to == 50
