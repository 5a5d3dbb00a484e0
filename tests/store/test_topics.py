import pytest

from schemas.subjects import room_topic
from store.errors import TopicRefused
from store.topics import topic_kind


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("all", "ALL"),
        ("member.1", "MEMBER"),
        ("member.9223372036854775807", "MEMBER"),
        ("room.live.1000", "ROOM"),
        (room_topic("live://Ünï/*.>"), "ROOM"),
        (room_topic("no type"), "ROOM"),
        (room_topic("a" * 128), "ROOM"),
    ],
)
def test_a_topic_belongs_to_one_stream(topic: str, kind: str) -> None:
    assert topic_kind(topic) == kind


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "room",
        "room.live",
        "room.live.1.2",
        "room.live.*",
        "room.>.1",
        "room.live.a b",
        "room..1",
        "room.live." + "a" * 129,
        "room.live.=41",  # the encoding of "A" is "A"
        "room.live.=FF",  # no UTF-8
        "room.a=3A=2F=2Fb.c",  # a type never holds "://"
        "member.0",
        "member.-1",
        "member.01",
        "member.9223372036854775808",
        "member.a",
        "member.",
        "ALL",
        "sweep",
    ],
)
def test_anything_else_is_refused(topic: str) -> None:
    with pytest.raises(TopicRefused):
        topic_kind(topic)


def test_a_refusal_shows_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(TopicRefused) as refused:
        topic_kind("x" * 10_000)
    assert len(str(refused.value)) < 200
