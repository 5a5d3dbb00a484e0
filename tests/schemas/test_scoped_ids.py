"""Ids of services, scoped by topic."""

from schemas.scoped_ids import MOST_TOPIC, given_id, scoped_id
from schemas.subjects import room_topic

LONG = room_topic(f"{'ä' * 60}://{'ö' * 60}")


def test_an_id_is_another_in_each_topic_and_none_stays_none() -> None:
    assert scoped_id("room.live.1", "e") == "room.live.1.e"
    assert scoped_id("all", "e") == "all.e"
    assert scoped_id("room.live.1", "") == ""


def test_an_id_stays_small_however_long_the_topic() -> None:
    assert len(LONG) > MOST_TOPIC
    assert len(scoped_id(LONG, "e" * 128)) <= MOST_TOPIC + 1 + 128
    assert scoped_id(LONG, "e") != scoped_id(LONG + "=", "e")


def test_what_the_service_gave_is_found_again() -> None:
    assert given_id("member.7", scoped_id("member.7", "a.b")) == "a.b"
    assert given_id(LONG, scoped_id(LONG, "e")) == "e"
    assert given_id("member.7", "of a publisher") == "of a publisher"
