"""What a topic does about messages that were lost: audits, outages, repairs."""

from gateway.topic import Arrival
from tests.gateway.receivers import FakeReceiver, kept
from tests.gateway.topics import arrive, join, room_topic, settled


def test_an_audit_finds_a_lost_last_message() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    arrive(topic, kept(11))
    topic.confirm(12, None)
    assert topic.incomplete
    assert topic.start_repair() == 10
    assert topic.repair([kept(11), kept(12)], reached=20) == 1
    topic.flush()
    assert receiver.bodies == [b"11", b"12"]
    assert topic.position(receiver) == 12
    topic.confirm(12, 0)
    assert not topic.incomplete


def test_an_audit_that_counts_finds_a_loss_that_another_operation_came_after() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    arrive(topic, kept(12, operation=2), last=0)  # 11 of operation 1 was lost
    topic.confirm(12, None)
    assert not topic.incomplete
    assert topic.base == 10  # so the next of operation 1 would show the gap
    topic.confirm(12, 2)
    assert topic.incomplete
    topic.start_repair()
    assert topic.repair([kept(11, operation=1), kept(12, operation=2)], reached=12) == 1
    topic.flush()
    assert sorted(receiver.bodies) == [b"11", b"12"]


def test_an_audit_moves_the_base_when_the_counts_agree() -> None:
    topic = settled(room_topic(), base=10)
    arrive(topic, kept(11), kept(12))
    topic.confirm(12, 2)
    assert (topic.base, topic.checked, topic.unconfirmed) == (12, 12, 0)
    arrive(topic, kept(13), kept(14))
    topic.confirm(13, 1)  # older than what has come since: it says nothing
    assert (topic.base, topic.checked, topic.unconfirmed) == (12, 12, 2)
    topic.confirm(14, 1)  # retention took one: who knows
    assert (topic.base, topic.checked, topic.unconfirmed) == (12, 14, 0)
    assert not topic.incomplete


def test_after_an_outage_nothing_passes_until_the_store_has_said_what_is_missing() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    topic.suspend()
    # 11 of operation 1 was lost
    assert arrive(topic, kept(12, operation=2), last=0) == [Arrival.HELD]
    assert not topic.incomplete
    topic.flush()
    assert receiver.bodies == []
    topic.confirm(12, None)
    assert topic.incomplete
    topic.start_repair()
    topic.repair([kept(11, operation=1), kept(12, operation=2)], reached=12)
    topic.flush()
    assert receiver.bodies == [b"11", b"12"]


def test_after_an_outage_that_lost_nothing_all_goes_on() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    join(topic, receiver, reached=10)
    topic.suspend()
    arrive(topic, kept(12), last=10)
    topic.confirm(10, None)
    assert not topic.incomplete
    topic.flush()
    assert receiver.bodies == [b"12"]


def test_an_outage_during_a_repair_holds_until_it_was_confirmed() -> None:
    topic = settled(room_topic(), base=10)
    arrive(topic, kept(12), last=11)
    topic.start_repair()
    topic.suspend()
    topic.repair([kept(11), kept(12)], reached=12)
    assert not topic.incomplete
    assert arrive(topic, kept(13), last=12) == [Arrival.HELD]
    topic.confirm(12, 0)
    assert [one.sequence for one in topic.pending] == [11, 12, 13]
    assert topic.held is None


def test_a_loss_repaired_late_reaches_who_lacks_it_and_nobody_twice() -> None:
    topic, before, after, slow = room_topic(), FakeReceiver(1), FakeReceiver(2), FakeReceiver(3)
    join(topic, before, reached=10)
    join(topic, slow, reached=10)
    arrive(topic, kept(12, operation=2), last=0)  # 11 of operation 1 was lost
    topic.flush()
    join(topic, after, reached=12)  # the store gave it both
    slow.blocked = True
    arrive(topic, kept(13, operation=1), last=11)
    topic.start_repair()
    topic.repair([kept(11, operation=1), kept(12, 2), kept(13, operation=1)], reached=13)
    topic.flush()
    assert before.bodies == [b"12", b"11", b"13"]
    assert after.bodies == [b"13"]
    assert slow.bodies == [b"12", b"11"]


def test_a_loss_repaired_after_newer_messages_is_not_sent_to_who_had_it_from_the_store() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    topic.settle(10)
    arrive(topic, kept(12, operation=2), last=0)  # 11 of operation 1 was lost
    join(topic, receiver, reached=12)
    arrive(topic, kept(13, operation=2))
    topic.flush()
    arrive(topic, kept(14, operation=1), last=11)
    topic.start_repair()
    topic.repair([kept(11, 1), kept(12, 2), kept(13, 2), kept(14, 1)], reached=14)
    topic.flush()
    assert receiver.bodies == [b"13", b"14"]


def test_a_repair_that_reaches_less_than_has_come_leaves_the_base() -> None:
    topic = settled(room_topic(), base=10)
    arrive(topic, kept(11), kept(12))
    arrive(topic, kept(14), last=13)
    topic.start_repair()
    assert topic.repair([kept(11)], reached=11) == 0
    assert topic.base == 10
    assert topic.incomplete


def test_the_last_connection_to_leave_leaves_nobody() -> None:
    topic, receiver = room_topic(), FakeReceiver()
    assert topic.held_by_nobody
    topic.start_catching_up()
    assert not topic.held_by_nobody
    topic.settle(0)
    topic.go_live(receiver, 0, 0)
    topic.stop_catching_up()
    assert not topic.held_by_nobody
    topic.drop(receiver)
    assert topic.held_by_nobody
