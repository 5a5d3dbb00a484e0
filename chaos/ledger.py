"""DECIDE the book of a run: what was published, what is stored, what each device saw, in order.

A message has a number, which its body tells (`encode_body`, `read_body`), so that whatever comes
out anywhere can be traced. Topics are those of schemas/subjects.py; what is pushed to a connection
key has the topic `key.<key>` here.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from json import JSONDecodeError, loads
from typing import NamedTuple

from schemas.subjects import ALL_TOPIC, member_topic, room_topic

KEY_PREFIX = "key."
NO_TOPIC = -1  # a plain client is not told one
_BODY = re.compile(rb"c(\d{1,15})\.")
_FIELDS = 4  # of an event in a device's log


class Body(NamedTuple):
    """What a frame's body says: the message's number, and where it was stamped its sequence."""

    number: int  # 0: it is none of ours
    sequence: int = 0


def encode_body(number: int, size: int = 0) -> bytes:
    """Return a body that tells its number, padded to so many bytes."""
    return f"c{number}.".encode().ljust(size, b"x")


def read_body(body: bytes) -> Body:
    """Return what a body says, also when the room's type has stamped it (schemas/stamp.py)."""
    sequence = 0
    if body[:1] == b"{":
        try:
            stamp = loads(body)
            body, sequence = stamp["body"].encode(), int(stamp["sequence"])
        except (JSONDecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
            return Body(0)
    found = _BODY.match(body)
    return Body(int(found[1]), sequence) if found else Body(0)


def key_topic(key: str) -> str:
    """Return how this book calls what is pushed to a connection key."""
    return KEY_PREFIX + key


def label_topic(label: str, mid: int, key: str) -> str:
    """Return the topic that an `ext` client's label means for this member and key."""
    if label == "member":
        return member_topic(mid)
    if label == "key":
        return key_topic(key)
    return ALL_TOPIC if label == "all" else room_topic(label.removeprefix("room:"))


@dataclass(slots=True)
class Published:
    """One message. `sender` and `connection` tell which device sent it, where one did."""

    topics: tuple[str, ...]
    operation: int
    stored: bool  # False: it may be lost (pushes to keys, rooms that keep nothing)
    sender: str = ""
    connection: int = 0
    acked_at: float = 0.0  # monotonic seconds; 0: nobody was told that it is stored


class Acked(NamedTuple):
    """What a publisher was told; sequence 0 where goim's protocol does not tell it."""

    topic: str
    number: int
    sequence: int


class Kind(IntEnum):
    """What an event in a device's log is."""

    OPENED = 1  # a new connection is logged in; `first` is its number
    ENTERED = 2  # frames of this room may come from now on
    LEFT = 3  # no frames of this room may come any more
    FRAME = 4  # `first`: the message's number, `second`: the sequence as it was told
    GAP = 5  # messages in (first, second] are said to be gone
    LIVE = 6  # complete up to `first`


class Event(NamedTuple):
    """One thing that a device saw or did."""

    kind: Kind
    topic: int  # an index of Ledger.topics, or NO_TOPIC
    operation: int
    first: int
    second: int


@dataclass
class DeviceLog:
    """Who a device is, and all that it saw, in order.

    `ext`: it is told topics and sequences. `resumes`: it also tells where it is when it connects,
    so that each message is due exactly once.
    """

    name: str
    mid: int
    device: str  # as positions are kept for it
    key: str
    ext: bool
    resumes: bool
    accepts: frozenset[int]
    connections: int = 0
    frames: int = 0
    _events: "array[int]" = field(default_factory=lambda: array("q"), repr=False)

    def opened(self) -> int:
        """A new connection is logged in; return its number."""
        self.connections += 1
        self._note(Kind.OPENED, NO_TOPIC, 0, self.connections, 0)
        return self.connections

    def entered(self, topic: int) -> None:
        """Frames of this room may come from now on."""
        self._note(Kind.ENTERED, topic, 0, 0, 0)

    def left(self, topic: int) -> None:
        """No frames of this room may come any more."""
        self._note(Kind.LEFT, topic, 0, 0, 0)

    def frame(self, topic: int, operation: int, number: int, sequence: int) -> None:
        """A pushed frame has come."""
        self.frames += 1
        self._note(Kind.FRAME, topic, operation, number, sequence)

    def gap(self, topic: int, after: int, to: int) -> None:
        """Messages are said to be gone."""
        self._note(Kind.GAP, topic, 0, after, to)

    def live(self, topic: int, sequence: int) -> None:
        """The topic is said to be complete up to there."""
        self._note(Kind.LIVE, topic, 0, sequence, 0)

    def events(self) -> Iterator[Event]:
        """Yield what happened, in order."""
        events = self._events
        for at in range(0, len(events), _FIELDS):
            code, topic, first, second = events[at : at + _FIELDS]
            yield Event(Kind(code & 7), topic, code >> 3, first, second)

    def _note(self, kind: Kind, topic: int, operation: int, first: int, second: int) -> None:
        self._events.extend((kind | operation << 3, topic, first, second))


class Ledger:
    """The book of one run."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.messages: list[Published] = []
        self.acked: list[Acked] = []
        self.retained: dict[str, int] = {}  # of topics whose retention may end during a run
        self.stored: dict[str, list[tuple[int, int]]] = {}  # topic to (sequence, number), rising
        self.went_back: list[str] = []  # streams that lost their end or were made anew
        self.positions: dict[tuple[int, str], dict[str, int]] = {}  # of a device, first ones seen
        self.devices: dict[str, DeviceLog] = {}
        self._indexes: dict[str, int] = {}

    def publish(
        self,
        topics: Sequence[str],
        operation: int,
        stored: bool,
        sender: str = "",
        connection: int = 0,
    ) -> int:
        """Note that a message is about to be published; return its number."""
        self.messages.append(Published(tuple(topics), operation, stored, sender, connection))
        return len(self.messages)

    def acknowledge(self, number: int, sequences: Sequence[int], now: float) -> None:
        """The publisher was told that it is stored, once for each topic."""
        message = self.messages[number - 1]
        message.acked_at = now
        for topic, sequence in zip(message.topics, sequences, strict=True):
            self.acked.append(Acked(topic, number, sequence))

    def message(self, number: int) -> Published | None:
        """Return a message by its number, None for one that was never published."""
        return self.messages[number - 1] if 1 <= number <= len(self.messages) else None

    def store(self, topic: str, sequence: int, number: int) -> None:
        """A stream holds this message of a topic; called in the order of the stream."""
        self.stored.setdefault(topic, []).append((sequence, number))

    def note_positions(self, mid: int, device: str, topics: dict[str, int]) -> None:
        """The store has these positions of a device; the first one of each topic counts."""
        self.positions.setdefault((mid, device), {}).update(
            {
                topic: sequence
                for topic, sequence in topics.items()
                if topic not in self.positions.get((mid, device), {})
            }
        )

    def index(self, topic: str) -> int:
        """Return the number by which device logs call a topic."""
        known = self._indexes.get(topic)
        if known is None:
            known = self._indexes[topic] = len(self.topics)
            self.topics.append(topic)
        return known
