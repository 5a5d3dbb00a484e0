"""Starts and pages, held against plain lists of what existed and what is gone."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.messages_pb2 import Want
from store.index import TopicIndex
from store.replay import Page, Reply, Start, TopicState, decide_start, page_after
from store.topics import Kind

TOPICS: dict[Kind, str] = {"ROOM": "room.live.1", "MEMBER": "member.7", "ALL": "all"}


def state_of(
    there: list[int], gone: int = 0, kind: Kind = "ROOM", end: int = 100, too_old: int = 0
) -> TopicState:
    index = TopicIndex()
    topic = TOPICS[kind]
    if gone:
        index.mark_gone(topic, gone)
    for sequence in there:
        index.append(topic, sequence, 1000)
    return TopicState(kind, topic, index, end, too_old, first=0, lost_to=0)


def test_what_the_device_says_comes_before_its_stored_position() -> None:
    state = state_of([10, 20, 30])
    assert decide_start(Want(has_after=True, after=20), 10, state) == Start(20)
    assert decide_start(Want(has_after=True, after=0, newest=1), 10, state) == Start(0)


def test_the_newest_n_may_be_asked_for() -> None:
    state = state_of([10, 20, 30])
    assert decide_start(Want(newest=2), 10, state) == Start(19)
    assert decide_start(Want(newest=9), None, state) == Start(9)
    assert decide_start(Want(newest=9), None, state_of([])) == Start(100)


def test_a_position_of_zero_is_a_position() -> None:
    assert decide_start(Want(), 0, state_of([10, 20])) == Start(0)


def test_a_newcomer_gets_all_of_its_member_messages_and_no_gap() -> None:
    state = state_of([60, 70], gone=50, kind="MEMBER")
    assert decide_start(Want(), None, state) == Start(50)


def test_a_newcomer_gets_nothing_of_a_room_or_of_all() -> None:
    assert decide_start(Want(), None, state_of([60, 70], gone=50)) == Start(100)
    assert decide_start(Want(), None, state_of([60, 70], gone=50, kind="ALL")) == Start(100)


def test_a_room_type_may_give_its_newest_to_newcomers() -> None:
    state = replace(state_of([60, 70, 80], gone=50), first=2)
    assert decide_start(Want(), None, state) == Start(69)


def test_only_what_is_gone_above_the_start_is_a_gap() -> None:
    state = state_of([60, 70], gone=50)
    assert decide_start(Want(), 49, state) == Start(49, gap_to=50)
    assert decide_start(Want(), 50, state) == Start(50)
    assert decide_start(Want(), 65, state) == Start(65)


def test_a_replay_window_is_no_gap_but_what_is_gone_inside_it_is() -> None:
    assert decide_start(Want(), 10, state_of([60, 70], gone=50, too_old=55)) == Start(55)
    assert decide_start(Want(), 65, state_of([60, 70], gone=50, too_old=55)) == Start(65)
    assert decide_start(Want(), 10, state_of([60, 70], gone=50, too_old=45)) == Start(45, 50)


def test_a_start_past_the_end_is_from_another_life_of_the_stream() -> None:
    state = state_of([60, 70], gone=50)
    assert decide_start(Want(), 101, state) == Start(50)
    assert decide_start(Want(has_after=True, after=2**64 - 1), None, state) == Start(50)
    assert decide_start(Want(), 100, state) == Start(100)


def test_what_went_with_a_lost_stream_is_a_gap() -> None:
    state = replace(state_of([80], end=90), lost_to=70)
    assert decide_start(Want(), 10, state) == Start(10, gap_to=70)
    assert decide_start(Want(), 75, state) == Start(75)
    assert decide_start(Want(), None, state) == Start(90)


@dataclass
class Life:
    """A topic's whole life: all sequences it ever had, and how many of the oldest are gone."""

    sequences: list[int]
    gone: int
    end: int


LIVES = st.builds(
    lambda steps, gone, tail: Life(
        [sum(steps[: place + 1]) for place in range(len(steps))],
        min(gone, len(steps)),
        sum(steps) + tail,
    ),
    st.lists(st.integers(1, 9), max_size=30),
    st.integers(0, 30),
    st.integers(0, 9),
)


@given(
    LIVES,
    st.integers(0, 300),
    st.one_of(st.just(0), st.integers(0, 300)),
    st.integers(1, 7),
    st.integers(1, 40),
    st.sets(st.integers(0, 29)),
)
def test_page_after_page_a_device_gets_each_once_or_is_told_the_gap(
    life: Life, position: int, too_old: int, limit: int, most_bytes: int, deleted: set[int]
) -> None:
    gone, there = life.sequences[: life.gone], life.sequences[life.gone :]
    removed = {there[place] for place in deleted if place < len(there)}
    state = state_of(there, max(gone, default=0), end=life.end, too_old=min(too_old, life.end))
    position = min(position, life.end)
    want, stored = Want(), position
    got: list[int] = []
    for turn in range(200):
        start = decide_start(want, stored, state)
        if turn == 0:
            missed = [one for one in gone if one > max(position, state.too_old)]
            assert start.gap_to == max(missed, default=0)
            assert start.after == max(position, state.too_old)
        else:
            assert start.gap_to == 0, "a gap is told once"
        page = page_after("S", state, start, limit)
        fill(Reply([page], most_bytes), removed)
        got += [int(message.split(b":")[0]) for message in page.in_order()]
        assert page.started_after == start.after
        if not page.more:
            break
        want = Want(has_after=True, after=page.reached)
    assert not page.more
    assert page.reached == life.end
    begin = max(position, state.too_old)
    assert got == [one for one in there if one > begin and one not in removed]


def fill(reply: Reply, removed: set[int]) -> None:
    while reads := reply.next_reads():
        found: list[bytes | None] = [
            None if sequence in removed else b"%d:%s" % (sequence, b"x" * (sequence % 13))
            for _, sequence in reads
        ]
        reply.take(reads, found)


def page_of(topic: str, sequences: list[int], end: int = 100) -> Page:
    return Page("S", topic, Start(0), sequences, end, more=False)


def test_a_full_reply_says_more_for_the_wants_it_did_not_get_to() -> None:
    pages = [page_of("a", [1, 2]), page_of("b", [3]), page_of("c", [])]
    reply = Reply(pages, most_bytes=10)
    reads = reply.next_reads()
    assert [sequence for _, sequence in reads] == [1, 2, 3]
    reply.take(reads, [b"12345", b"123456", b"1"])
    assert reply.full
    assert reply.next_reads() == []
    assert [(page.more, page.reached) for page in pages] == [(True, 1), (True, 0), (False, 100)]


def test_one_message_over_the_limit_still_gets_in() -> None:
    page = page_of("a", [1, 2])
    reply = Reply([page], most_bytes=10)
    reply.take(reply.next_reads(), [b"x" * 99, b"y"])
    assert page.messages == [b"x" * 99]
    assert (page.more, page.reached) == (True, 1)


def test_a_want_that_was_not_reached_does_not_tell_its_gap_again() -> None:
    pages = [page_of("a", [1]), Page("S", "b", Start(5, gap_to=40), [50], 100, more=False)]
    reply = Reply(pages, most_bytes=1)
    reply.take(reply.next_reads(), [b"long", b"long"])
    assert (pages[1].started_after, pages[1].gap_to, pages[1].reached) == (5, 40, 40)


def test_many_wants_are_read_in_rounds() -> None:
    pages = [page_of(str(number), list(range(1, 501))) for number in range(3)]
    reply = Reply(pages, most_bytes=10**9)
    rounds = 0
    while reads := reply.next_reads():
        assert len(reads) <= 512
        reply.take(reads, [b"x"] * len(reads))
        rounds += 1
    assert rounds == 3
    assert all(len(page.messages) == 500 and not page.more for page in pages)
