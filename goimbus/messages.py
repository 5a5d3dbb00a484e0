"""What the client gives to the application: messages, and notices that some are gone."""

from dataclasses import dataclass

MEMBER_TOPIC = "member"
ALL_TOPIC = "all"
KEY_TOPIC = "key"
ROOM_PREFIX = "room:"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was pushed to this connection."""

    topic: str  # "room:live://1000", "member", "all", "key"; "" from a server that doesn't say
    operation: int
    body: bytes
    sequence: int = 0  # its number in the stream, all 64 bits; 0: it was not stored

    @property
    def room(self) -> str:
        """The room it was sent to, `""` when it was no room message."""
        return topic_room(self.topic)


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of a topic with sequences over `after` and up to `to` existed and are gone."""

    topic: str
    after: int
    to: int


@dataclass(frozen=True, slots=True)
class Live:
    """All of a topic up to `sequence` has come; what comes from now on is new."""

    topic: str
    sequence: int


def room_topic(room: str) -> str:
    """Return how the client protocol calls a room's topic."""
    return ROOM_PREFIX + room


def topic_room(topic: str) -> str:
    """Return the room of a topic, `""` for a topic that is no room."""
    return topic[len(ROOM_PREFIX) :] if topic.startswith(ROOM_PREFIX) else ""
