from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import encode_headers
from store.conversations import Conversations

MESSAGES = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=60)


def block(sender: int | str, recipient: int | str) -> bytes:
    return encode_headers({"Goim-From": str(sender), "Goim-To": str(recipient)})


def talked(*messages: tuple[int, int]) -> Conversations:
    """Messages from one member to another, under sequences from 1 on, in both topics."""
    talks = Conversations()
    for number, (sender, recipient) in enumerate(messages, 1):
        for mid in {sender, recipient}:
            talks.note(f"member.{mid}", number, block(sender, recipient))
    return talks


def test_a_message_is_known_to_both_sides_and_to_nobody_else() -> None:
    talks = talked((5, 9), (9, 5), (5, 7))
    assert talks.after(5, 9, 0, 10) == talks.after(9, 5, 0, 10) == [1, 2]
    assert talks.after(5, 7, 0, 10) == [3]
    assert talks.after(9, 7, 0, 10) == []
    assert (talks.last_sent(5, 9), talks.last_sent(9, 5), talks.last_sent(7, 5)) == (1, 2, 0)
    assert talks.peers(5) == [(3, 7), (2, 9)]
    assert (len(talks), talks.messages) == (4, 6)


def test_a_message_to_oneself_is_ones_own() -> None:
    talks = talked((5, 5))
    assert (talks.peers(5), talks.last_sent(5, 5)) == ([(1, 5)], 1)


def test_what_is_no_direct_message_is_ignored() -> None:
    talks = Conversations()
    for headers in (
        block("", 5),
        block(9, ""),
        block(9, 7),  # in the topic of another
        block("x", "y"),
        block(2**63, 5),
        encode_headers({"Goim-From": "9"}),
    ):
        talks.note("member.5", 1, headers)
    talks.note("member.words", 1, block(9, 5))
    assert (len(talks), talks.peers(5)) == (0, [])


def test_what_is_read_again_is_counted_once() -> None:
    talks = talked((5, 9))
    talks.note("member.5", 1, block(5, 9))
    assert talks.after(5, 9, 0, 10) == [1]


@given(MESSAGES, st.integers(0, 60))
def test_what_retention_takes_goes(messages: list[tuple[int, int]], gone_to: int) -> None:
    talks = talked(*messages)
    for mid in (1, 2, 3, 8):
        talks.trim(f"member.{mid}", gone_to)
    left = list(enumerate(messages, 1))[gone_to:]
    for mid in (1, 2, 3):
        for peer in (1, 2, 3):
            meant = [number for number, pair in left if pair in ((mid, peer), (peer, mid))]
            assert talks.after(mid, peer, 0, 100) == meant
            assert talks.last(mid, peer) == (meant[-1] if meant else 0)
    assert talks.messages == sum(len({*pair}) for _, pair in left)
    assert len(talks) == sum(len(talks.peers(mid)) for mid in (1, 2, 3))


@given(MESSAGES, st.integers(0, 61), st.integers(1, 5))
def test_before_and_after_meet(messages: list[tuple[int, int]], at: int, limit: int) -> None:
    talks = talked(*messages)
    mine = talks.after(1, 2, 0, 100)
    assert talks.after(1, 2, at, limit) == [one for one in mine if one > at][:limit]
    assert talks.before(1, 2, at, limit) == [one for one in mine if one < at][-limit:]
    assert talks.count_after(1, 2, at) == len([one for one in mine if one > at])


def test_a_message_deleted_on_its_own_goes_and_with_the_last_one_the_conversation() -> None:
    talks = talked((5, 9), (9, 5), (7, 5))
    talks.discard("member.5", 2)
    talks.discard("member.5", 2)
    talks.discard("member.8", 2)
    assert talks.after(5, 9, 0, 10) == [1]
    assert talks.after(9, 5, 0, 10) == [1, 2]
    talks.discard("member.5", 1)
    talks.discard("member.5", 3)
    assert talks.peers(5) == []
    talks.clear()
    assert (len(talks), talks.messages, talks.peers(9)) == (0, 0, [])
