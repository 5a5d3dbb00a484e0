"""What travels together, and what JetStream's answers mean."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.batches import (
    BATCH_BYTES,
    Ack,
    Message,
    batch_headers,
    belongs_in_batch,
    middle_of,
    read_ack,
    split_rounds,
    take_group,
)
from schemas.headers import MESSAGE_ID, encode_headers, header_value


def message(topic: str = "all", name: str = "", size: int = 0) -> Message:
    name = name or f"id-{id(object())}-{topic}"
    headers = encode_headers({MESSAGE_ID: name})
    return Message(topic, f"push.{topic}.1", b"x" * size, headers, name, True, 0.0, print)


def messages(*topics: str) -> list[Message]:
    return [message(topic, f"{number}") for number, topic in enumerate(topics)]


def test_a_group_is_no_larger_than_a_batch_may_be() -> None:
    queue = deque(messages(*"abcdefg"))
    first = list(queue)[:5]
    assert take_group(queue, 5) == first
    assert len(queue) == 2


def test_a_group_holds_no_id_twice() -> None:
    queue = deque([message("a", "1"), message("b", "2"), message("c", "1")])
    assert [one.topic for one in take_group(queue, 9)] == ["a", "b"]
    assert [one.topic for one in take_group(queue, 9)] == ["c"]


def test_messages_that_may_be_stored_already_stay_among_themselves() -> None:
    waiting = messages("a", "b", "c")
    waiting[0].uncertain = waiting[1].uncertain = True
    queue = deque(waiting)
    assert [one.topic for one in take_group(queue, 9)] == ["a", "b"]


def test_a_group_is_bounded_in_bytes_but_never_empty() -> None:
    queue = deque([message("a", "1", BATCH_BYTES + 1), message("b", "2", 10)])
    assert [one.topic for one in take_group(queue, 9)] == ["a"]
    assert [one.topic for one in take_group(queue, 9)] == ["b"]
    assert take_group(queue, 9) == []


def test_few_messages_go_singly_and_many_in_a_batch() -> None:
    assert not belongs_in_batch(messages("a"), 2)
    assert not belongs_in_batch(messages(*"abcdefg"), 8)
    assert belongs_in_batch(messages(*"abcdefgh"), 8)


def test_many_messages_of_one_topic_go_in_a_batch_sooner() -> None:
    assert not belongs_in_batch(messages(*"aaaa"), 8)
    assert belongs_in_batch(messages(*"aaaaa"), 8)


def test_what_may_be_stored_already_never_goes_in_a_batch() -> None:
    uncertain = messages(*"abcdefgh")
    uncertain[0].uncertain = True
    assert not belongs_in_batch(uncertain, 2)


def pair(number: int = 0) -> list[Message]:
    copies = [message("to", f"to.{number}"), message("from", f"from.{number}")]
    copies[0].partner, copies[1].partner = copies[1], copies[0]
    return copies


def test_a_pair_is_never_taken_apart_and_goes_in_a_batch_even_alone() -> None:
    queue = deque([message("a"), *pair(), message("b")])
    assert [one.topic for one in take_group(queue, 2)] == ["a"]
    assert [one.topic for one in take_group(queue, 1)] == ["to", "from"]
    assert [one.topic for one in take_group(queue, 1)] == ["b"]
    assert belongs_in_batch(pair(), 8)
    tried = pair()
    tried[0].uncertain = True
    assert not belongs_in_batch(tried, 8)


def test_what_is_left_of_a_pair_is_a_message_like_others() -> None:
    queue = deque([pair()[0], message("b")])
    assert [one.topic for one in take_group(queue, 2)] == ["to", "b"]


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_halving_ends_and_keeps_pairs_whole_while_there_is_more(kinds: list[bool]) -> None:
    waiting = [one for kind in kinds for one in (pair() if kind else [message()])]
    while len(waiting) > 1:
        middle = middle_of(waiting)
        assert 0 < middle < len(waiting)
        if len(waiting) > 2:
            assert waiting[middle - 1].partner is not waiting[middle]
        waiting = waiting[:middle]


@given(st.text("abcd", max_size=40))
def test_rounds_keep_each_topics_order_and_hold_each_topic_once(topics: str) -> None:
    given_messages = messages(*topics)
    rounds = split_rounds(given_messages)
    for one in rounds:
        assert len({message.topic for message in one}) == len(one)
    flat = [message for one in rounds for message in one]
    for topic in set(topics):
        mine = [message for message in given_messages if message.topic == topic]
        assert [message for message in flat if message.topic == topic] == mine
    assert sorted(map(id, flat)) == sorted(map(id, given_messages))


def test_batch_headers_are_added_to_the_messages_own() -> None:
    block = batch_headers(message("a", "7"), b"run.1", 2, 3)
    assert block == (
        b"NATS/1.0\r\nNats-Msg-Id: 7\r\nNats-Batch-Id: run.1\r\nNats-Batch-Sequence: 2\r\n\r\n"
    )
    assert header_value(batch_headers(message(), b"run.1", 3, 3), "Nats-Batch-Commit") == "1"


@pytest.mark.parametrize(
    ("payload", "ack"),
    [
        (b'{"stream":"S","seq":7}', Ack(7, False, 0, 0, "")),
        (b'{"stream":"S","seq":7,"duplicate":true}', Ack(7, True, 0, 0, "")),
        (b'{"stream":"S","seq":9,"batch":"b","count":3}', Ack(9, False, 3, 0, "")),
        (
            b'{"error":{"code":400,"err_code":10201,"description":"twice"},"seq":0}',
            Ack(0, False, 0, 10201, "twice"),
        ),
        (b'{"error":{"code":500}}', Ack(0, False, 0, -1, "")),
        (b'{"seq":0}', Ack(0, False, 0, -1, "the answer holds no sequence")),
        (b"", Ack(0, False, 0, -1, "the answer is no PubAck")),
        (b"\xff", Ack(0, False, 0, -1, "the answer is no PubAck")),
        (b'{"seq":"7"}', Ack(0, False, 0, -1, "the answer is no PubAck")),
    ],
)
def test_an_answer_is_a_sequence_or_an_error(payload: bytes, ack: Ack) -> None:
    assert read_ack(payload) == ack
