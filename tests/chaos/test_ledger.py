"""The book keeps what it is given, and bodies tell their numbers."""

import pytest

from chaos.ledger import Body, Event, Kind, Ledger, encode_body, label_topic, read_body
from schemas.stamp import stamped_body
from tests.chaos.books import MEMBER, device_of


@pytest.mark.parametrize("size", [0, 3, 500])
def test_a_body_tells_its_number_whatever_its_size(size: int) -> None:
    body = encode_body(41, size)
    assert len(body) >= size
    assert read_body(body) == Body(41)
    assert read_body(stamped_body(body, 7, 99, 1)) == Body(41, 99)


@pytest.mark.parametrize("body", [b"", b"c", b"cx.", b"{", b"{}", b'{"body":5}', b"[1]", b"\xff{"])
def test_a_body_of_somebody_else_has_no_number(body: bytes) -> None:
    assert read_body(body).number == 0


def test_labels_mean_the_topics_of_their_member() -> None:
    labels = ("member", "all", "key", "room:live://1000", "room:lobby")
    topics = [label_topic(label, 7, "phone") for label in labels]
    assert topics == ["member.7", "all", "key.phone", "room.live.1000", "room.=.lobby"]


def test_a_devices_events_come_back_in_order() -> None:
    ledger = Ledger()
    log = device_of(ledger, "resuming")
    topic = ledger.index(MEMBER)
    log.entered(topic)
    log.frame(topic, 1000, 5, 50)
    log.frame(topic, -3, 6, 2**40)
    log.gap(topic, 60, 70)
    log.live(topic, 80)
    log.left(topic)
    assert list(log.events()) == [
        Event(Kind.OPENED, -1, 0, 1, 0),
        Event(Kind.ENTERED, topic, 0, 0, 0),
        Event(Kind.FRAME, topic, 1000, 5, 50),
        Event(Kind.FRAME, topic, -3, 6, 2**40),
        Event(Kind.GAP, topic, 0, 60, 70),
        Event(Kind.LIVE, topic, 0, 80, 0),
        Event(Kind.LEFT, topic, 0, 0, 0),
    ]
    assert (log.connections, log.frames) == (1, 2)


def test_the_first_position_of_each_topic_counts() -> None:
    ledger = Ledger()
    ledger.note_positions(7, "phone", {MEMBER: 5})
    ledger.note_positions(7, "phone", {MEMBER: 9, "all": 2})
    assert ledger.positions == {(7, "phone"): {MEMBER: 5, "all": 2}}
