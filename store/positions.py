"""DECIDE what a device's position becomes when one is saved, and keep all of them in memory.

A position is the last sequence delivered to one device of one member, for each topic. It is kept
in the bucket POSITION under `<mid>.<device>` as an encoded DevicePosition. What a member has read
is kept in the same way, under a name that no device has; there `member.9` stands for the direct
messages with member 9.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError

from schemas.messages_pb2 import DevicePosition
from schemas.subjects import IdRefused, encode_token, member_topic
from store.errors import PositionRefused, TopicRefused
from store.topics import Kind, topic_kind

MOST_TOPICS = 64  # for each device; beyond that the rooms with the lowest sequences go
MOST_READ = 500  # rooms and peers a member has read something of: 18 KB, written at each change
READ = "="  # in place of a device; no encoded text is a lone "="
MOST_SEQUENCE = 2**63 - 1
_REVISION_BYTES = 8

EndOf = Callable[[Kind], int]


class Merged(NamedTuple):
    """What a position becomes; `dropped` rooms had no place in it."""

    topics: dict[str, int]
    dropped: int


class PositionTable:
    """The positions of all devices: one bytes object each, the revision, then the position.

    A removal stays as a bare revision: the next write has to name it.
    """

    def __init__(self) -> None:
        self.unreadable = 0
        self.readers = 0  # members of whom is known what they have read
        self._entries: dict[str, bytes] = {}

    def __len__(self) -> int:
        """How many devices have a position."""
        return len(self._entries) - self.readers

    def apply(self, key: str, revision: int, value: bytes) -> None:
        """Take in what the bucket holds for a key now; an empty value is a removal."""
        if is_read_key(key) and key not in self._entries:
            self.readers += 1
        self._entries[key] = revision.to_bytes(_REVISION_BYTES, "big") + value

    def revision(self, key: str) -> int:
        """Return the stream sequence of a key's last change or removal, 0 when none is known."""
        entry = self._entries.get(key)
        return int.from_bytes(entry[:_REVISION_BYTES], "big") if entry else 0

    def topics(self, key: str) -> dict[str, int]:
        """Return the position of a device, empty when it was never seen."""
        entry = self._entries.get(key)
        if entry is None:
            return {}
        try:
            return dict(DevicePosition.FromString(entry[_REVISION_BYTES:]).topics)
        except DecodeError:
            self.unreadable += 1
            return {}

    def clear(self) -> None:
        """Forget everything: the bucket was made anew."""
        self._entries.clear()
        self.readers = 0


def position_key(mid: int, device: str) -> str:
    """Return the bucket key of a device. Raises PositionRefused."""
    if mid <= 0:
        raise PositionRefused("an anonymous client has no position")
    try:
        return f"{mid}.{encode_token(device)}"
    except IdRefused as refused:
        raise PositionRefused(f"device: {refused}") from None


def read_key(mid: int) -> str:
    """Return the bucket key of what a member has read."""
    return f"{mid}.{READ}"


def is_read_key(key: str) -> bool:
    """Tell whether a key is about what a member has read, not about a device."""
    return key.endswith(f".{READ}")


def encode_position(key: str, topics: Mapping[str, int], device: str) -> bytes:
    """Return the value to store under a key."""
    mid = int(key.partition(".")[0])
    position = DevicePosition(mid=mid, device=device, topics=topics)
    return position.SerializeToString(deterministic=True)


def check_position(position: DevicePosition) -> tuple[str, dict[str, int]]:
    """Return key and topics of a position that may be saved. Raises PositionRefused."""
    key = position_key(position.mid, position.device)
    topics = dict(position.topics)
    if len(topics) > MOST_TOPICS:
        raise PositionRefused(f"{len(topics)} topics, at most {MOST_TOPICS}")
    for topic, sequence in topics.items():
        try:
            kind = topic_kind(topic)
        except TopicRefused as refused:
            raise PositionRefused(str(refused)) from None
        if kind == "MEMBER" and topic != member_topic(position.mid):
            raise PositionRefused("the topic of another member")
        if sequence > MOST_SEQUENCE:
            raise PositionRefused("a sequence has at most 63 bits")
    return key, topics


def check_ends(topics: Mapping[str, int], end_of: EndOf) -> None:
    """Raises PositionRefused for a position past the end of its stream: it would hide messages."""
    for topic, sequence in topics.items():
        if sequence > end_of(topic_kind(topic)):
            raise PositionRefused(f"{sequence} is past the end of the stream")


def merge_topics(
    known: Mapping[str, int], given: Mapping[str, int], end_of: EndOf, reading: bool = False
) -> Merged:
    """Raise a position, or with `reading` what a member has read, to what is given; never lower it.

    Only what is past the end of its stream gives way: it is from another life of the stream.
    """
    merged = dict(known)
    for topic, sequence in given.items():
        old = merged.get(topic)
        if old is None or sequence > old or old > end_of(topic_kind(topic)):
            merged[topic] = sequence
    surplus = len(merged) - (MOST_READ if reading else MOST_TOPICS)
    if surplus > 0:
        found = {topic: topic_kind(topic) == "ROOM" for topic in merged}
        leaving = [topic for topic, is_room in found.items() if reading or is_room]
        leaving.sort(key=lambda one: (one in given, not found[one], merged[one], one))
        for topic in leaving[:surplus]:
            del merged[topic]
    return Merged(merged, max(0, surplus))
