"""Who gets which message of a topic, step by step; test_topic_model.py tries any order of steps."""

from json import loads

import pytest

from gateway.fanout import EXT, Delivery
from gateway.topic import Arrival
from schemas.operations import Operation
from tests.gateway.receivers import ALL_KINDS, FakeReceiver, cast, kept
from tests.gateway.topics import LIMITS, arrive, join, member_topic, room_topic, settled


def test_a_live_connection_gets_each_message_of_a_tick_in_one_write() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    arrive(topic, kept(11), kept(12))
    topic.append(cast(b"c"))
    assert topic.flush() == []
    assert receiver.bodies == [b"11", b"12", b"c"]
    assert len(receiver.writes) == 1
    assert receiver.messages == 3
    assert topic.position(receiver) == 12
    assert topic.flush() == []
    assert len(receiver.writes) == 1


def test_the_only_receiver_of_a_member_gets_at_once_what_it_wants() -> None:
    topic, receiver = member_topic(), FakeReceiver(7, accepts=(1000,))
    join(topic, receiver, reached=10)
    for delivery in (kept(11), kept(12, sender=7), kept(13, operation=5), cast(b"c"), kept(14)):
        if delivery.sequence:
            assert topic.arrive(delivery, topic._known(delivery.operation)) is Arrival.NEW
        assert topic.send_at_once(delivery)
        assert topic.flush() == []
    assert receiver.bodies == [b"11", b"c", b"14"]
    assert (len(receiver.writes), receiver.messages) == (3, 3)
    assert topic.position(receiver) == 14
    receiver.blocked = True
    assert not topic.send_at_once(kept(15))
    arrive(topic, kept(15))
    assert topic.flush() == [(receiver, 14, 1)]
    assert receiver.bodies == [b"11", b"c", b"14"]
    assert topic.held_by_nobody
    assert not topic.send_at_once(kept(16))


def test_nothing_is_sent_at_once_past_what_waits_nor_where_others_want_it() -> None:
    topic, receiver, other = room_topic(), FakeReceiver(7), FakeReceiver(8)
    join(topic, receiver, reached=10)
    assert not topic.send_at_once(kept(10))  # the store gave it
    assert topic.send_at_once(kept(11))
    assert not topic.send_at_once(kept(11))
    arrive(topic, kept(12))
    assert not topic.send_at_once(kept(13))
    topic.flush()
    join(topic, other, reached=12)
    assert not topic.send_at_once(kept(13))
    topic.drop(receiver)
    assert topic.send_at_once(kept(13))
    assert receiver.bodies == [b"11", b"12"]
    assert other.bodies == [b"13"]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_all_kinds_of_connections_get_the_same_frames(kind: int) -> None:
    topic, receiver, other = room_topic(), FakeReceiver(1, kind), FakeReceiver(2, kind)
    join(topic, receiver, reached=10)
    join(topic, other, reached=10)
    arrive(topic, kept(11, operation=-3), kept(12))
    topic.flush()
    assert receiver.bodies == other.bodies == [b"11", b"12"]
    assert receiver.writes[0] is other.writes[0]  # encoded once
    if kind & EXT:
        topic_frame, eleven, twelve = receiver.frames
        assert topic_frame.operation == Operation.TOPIC
        assert loads(topic_frame.body) == {"topic": "room:live://1000", "sequence": 12}
        assert (eleven.sequence, twelve.sequence) == (11, 12)
    else:
        assert {one.sequence for one in receiver.frames} == {0}


def test_a_message_that_comes_again_is_dropped() -> None:
    topic = settled(room_topic(), base=10)
    assert arrive(topic, kept(11)) == [Arrival.NEW]
    assert arrive(topic, kept(11), last=10) == [Arrival.REPEATED]
    assert arrive(topic, kept(10), last=9) == [Arrival.REPEATED]
    assert arrive(topic, kept(12, operation=5)) == [Arrival.NEW]
    assert arrive(topic, kept(11), last=10) == [Arrival.REPEATED]


def test_a_gap_holds_what_comes_until_the_store_has_filled_it() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    arrive(topic, kept(11))
    assert arrive(topic, kept(13), last=12) == [Arrival.HELD]
    assert topic.incomplete
    assert arrive(topic, kept(14), last=13) == [Arrival.HELD]
    topic.flush()
    assert receiver.bodies == [b"11"]
    assert topic.start_repair() == 10
    assert topic.repair([kept(11), kept(12), kept(13)], reached=13) == 1
    assert not topic.incomplete
    topic.flush()
    assert receiver.bodies == [b"11", b"12", b"13", b"14"]
    assert arrive(topic, kept(15), last=14) == [Arrival.NEW]


def test_a_second_gap_among_what_was_held_is_repaired_too() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    arrive(topic, kept(12), last=11)
    topic.start_repair()
    arrive(topic, kept(14), last=13)  # 13 was stored after the store was asked, and lost too
    assert topic.repair([kept(11), kept(12)], reached=12) == 1
    assert topic.incomplete
    topic.flush()
    assert receiver.bodies == [b"11", b"12"]
    assert topic.start_repair() == 12
    assert topic.repair([kept(13), kept(14)], reached=14) == 1
    topic.flush()
    assert receiver.bodies == [b"11", b"12", b"13", b"14"]


def test_what_is_too_much_to_be_held_is_read_from_the_store() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=0)
    arrive(topic, *(kept(number) for number in range(2, 9)), last=1)
    assert topic.held is not None
    assert len(topic.held.messages) == LIMITS.recent_messages
    after = topic.start_repair()
    arrive(topic, kept(9), last=8)  # no place for it; the store was asked before it came
    topic.repair([kept(number) for number in range(after + 1, 9)], reached=8)
    assert topic.incomplete
    assert topic.start_repair() == 8
    topic.repair([kept(9)], reached=9)
    assert not topic.incomplete
    topic.flush()
    assert receiver.bodies == [b"%d" % number for number in range(1, 10)]


def test_held_bodies_are_bounded_too() -> None:
    topic = settled(room_topic())
    arrive(topic, Delivery(2, 1000, b"x" * 600), Delivery(3, 1000, b"x" * 600), last=1)
    assert topic.held is not None
    assert [one.delivery.sequence for one in topic.held.messages] == [2]
    assert topic.held.overflowed


def test_operations_have_their_own_chains() -> None:
    topic = settled(room_topic(), base=10)
    assert arrive(topic, kept(11, operation=1)) == [Arrival.NEW]
    assert arrive(topic, kept(12, operation=2), last=0) == [Arrival.NEW]  # its first
    assert arrive(topic, kept(13, operation=1), last=11) == [Arrival.NEW]
    assert arrive(topic, kept(14, operation=3), last=7) == [Arrival.NEW]  # 7 is below the base
    assert arrive(topic, kept(16, operation=2), last=15) == [Arrival.HELD]
    assert topic.incomplete


def test_what_comes_before_the_first_connection_knows_where_it_is_comes_once_after_it() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    topic.start_catching_up()
    assert arrive(topic, kept(10), kept(11), last=9) == [Arrival.HELD] * 2
    assert not topic.incomplete  # nobody knows yet
    assert not topic.can_go_live(10)
    topic.settle(10)
    assert not topic.incomplete
    topic.flush()
    topic.go_live(receiver, 10, 0)
    assert receiver.bodies == [b"11"]
    assert arrive(topic, kept(12), last=11) == [Arrival.NEW]
    topic.flush()
    assert receiver.bodies == [b"11", b"12"]


def test_a_loss_before_the_first_connection_knows_where_it_is_is_seen_then() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    topic.start_catching_up()
    arrive(topic, kept(12), last=11)
    topic.settle(10)
    assert topic.incomplete
    topic.flush()
    topic.go_live(receiver, 10, 0)
    assert topic.start_repair() == 10
    topic.repair([kept(11), kept(12)], reached=12)
    topic.flush()
    assert receiver.bodies == [b"11", b"12"]


def test_a_connection_gets_nothing_that_the_store_gave_it_already() -> None:
    topic, early, late = room_topic(), FakeReceiver(1), FakeReceiver(2)
    join(topic, early, reached=10)
    join(topic, late, reached=12)  # the store was ahead of what has come here
    assert topic.position(late) == 12
    arrive(topic, kept(11), kept(12), kept(13))
    topic.flush()
    assert early.bodies == [b"11", b"12", b"13"]
    assert late.bodies == [b"13"]
    arrive(topic, kept(14))
    topic.flush()
    assert late.writes[-1] is early.writes[-1]
    assert topic.position(late) == 14


def test_a_connection_that_comes_a_little_late_is_served_from_recent() -> None:
    topic, first, second = room_topic(), FakeReceiver(1), FakeReceiver(2)
    join(topic, first, reached=10)
    arrive(topic, kept(11), kept(12), kept(13))
    topic.flush()
    assert topic.can_go_live(11)
    join(topic, second, reached=11)
    assert second.bodies == [b"12", b"13"]


def test_a_message_that_the_store_counted_before_it_came_is_new_to_who_begins() -> None:
    topic, begins, came_back = room_topic(), FakeReceiver(1), FakeReceiver(2)
    join(topic, begins, reached=7)
    topic.expect_stragglers(begins, heard=0)
    join(topic, came_back, reached=7)
    assert arrive(topic, kept(6), kept(6), kept(8)) == [
        Arrival.NEW,
        Arrival.REPEATED,
        Arrival.NEW,
    ]
    topic.flush()
    assert begins.bodies == [b"6", b"8"]
    assert came_back.bodies == [b"8"]


def test_what_recent_has_let_go_must_come_from_the_store() -> None:
    topic = room_topic()
    join(topic, FakeReceiver(), reached=10)
    arrive(topic, *(kept(number) for number in range(11, 17)))
    topic.flush()
    assert topic.recent is not None
    assert [one.sequence for one in topic.recent.deliveries] == [13, 14, 15, 16]
    assert not topic.can_go_live(11)
    assert topic.can_go_live(12)
    arrive(topic, Delivery(17, 1000, b"x" * 999))
    assert not topic.can_go_live(15)
    assert topic.can_go_live(16)
    arrive(topic, Delivery(18, 1000, b"x" * 2000))  # larger than all that may be kept
    assert not topic.can_go_live(17)
    assert topic.can_go_live(18)


def test_a_topic_settled_beyond_what_recent_has_is_not_joined_from_further_back() -> None:
    topic = room_topic()
    topic.start_catching_up()
    arrive(topic, kept(101), last=100)
    topic.settle(100)
    assert not topic.can_go_live(50)
    assert topic.can_go_live(100)


def test_a_member_topic_keeps_messages_only_while_somebody_catches_up() -> None:
    topic, receiver = member_topic(), FakeReceiver(accepts=(1000,))
    join(topic, receiver, reached=10)
    assert topic.recent is None
    arrive(topic, kept(11))
    topic.flush()
    assert not topic.can_go_live(10)
    assert topic.can_go_live(11)
    topic.start_catching_up()
    assert not topic.can_go_live(10)
    arrive(topic, kept(12))
    assert topic.can_go_live(11)
    topic.stop_catching_up()
    assert topic.recent is None
    assert topic.held_by_nobody is False


def test_a_member_topic_is_filtered_by_accepts_and_a_room_is_not() -> None:
    for topic, expected in ((member_topic(), [b"12"]), (room_topic(), [b"11", b"12"])):
        receiver = FakeReceiver(accepts=(12,))
        join(topic, receiver, reached=10)
        arrive(topic, kept(11, operation=11), kept(12, operation=12))
        topic.flush()
        assert receiver.bodies == expected
        assert receiver.messages == len(expected)


def test_a_sender_does_not_get_its_own_message_back() -> None:
    topic, sender, other = room_topic(), FakeReceiver(7), FakeReceiver(8)
    join(topic, sender, reached=10)
    join(topic, other, reached=10)
    arrive(topic, kept(11), kept(12, sender=7), kept(13))
    topic.flush()
    arrive(topic, kept(14, sender=7))
    topic.flush()
    assert sender.bodies == [b"11", b"13"]
    assert other.bodies == [b"11", b"12", b"13", b"14"]
    assert topic.position(sender) == 14


def test_a_blocked_connection_falls_behind_and_others_do_not_notice() -> None:
    topic, slow, other = room_topic(), FakeReceiver(1), FakeReceiver(2)
    join(topic, slow, reached=10)
    join(topic, other, reached=10)
    arrive(topic, kept(11))
    topic.flush()
    slow.blocked = True
    topic.append(cast(b"c"))
    arrive(topic, kept(12))
    (behind,) = topic.flush()
    assert tuple(behind) == (slow, 11, 0)
    assert topic.position(slow) is None
    assert other.bodies == [b"11", b"c", b"12"]
    slow.blocked = False
    topic.start_catching_up()
    assert topic.can_go_live(behind.position)
    assert topic.go_live(slow, behind.position, behind.casts) == 0
    assert slow.bodies == [b"11", b"c", b"12"]


def test_a_connection_that_falls_behind_keeps_what_the_store_gave_it() -> None:
    topic, slow = room_topic(), FakeReceiver()
    join(topic, slow, reached=15)
    slow.blocked = True
    topic.append(kept(11))
    assert topic.flush() == [(slow, 15, 0)]


def test_cast_messages_reach_who_was_there_and_those_let_go_are_counted() -> None:
    topic, early, late = room_topic(), FakeReceiver(1), FakeReceiver(2)
    topic.append(cast(b"before"))
    topic.flush()
    join(topic, early, reached=10)
    assert early.bodies == []
    topic.start_catching_up()
    casts = topic.casts
    topic.append(cast(b"one"))
    arrive(topic, kept(11))
    topic.append(cast(b"two"))
    topic.flush()
    assert topic.go_live(late, 10, casts) == 0
    assert late.bodies == [b"one", b"11", b"two"]
    for number in range(4):
        topic.append(cast(b"more%d" % number))
    topic.flush()
    assert topic.go_live(FakeReceiver(3), 11, casts) == 2


def test_a_cast_to_a_member_that_keeps_nothing_is_counted_for_who_fell_behind() -> None:
    topic, slow = member_topic(), FakeReceiver(accepts=(1000,))
    join(topic, slow, reached=10)
    slow.blocked = True
    topic.append(cast(b"c"))
    (behind,) = topic.flush()
    assert tuple(behind) == (slow, 10, 0)
    topic.start_catching_up()
    assert topic.go_live(slow, 10, behind.casts) == 1
    assert slow.bodies == []
