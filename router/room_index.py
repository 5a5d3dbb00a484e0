"""DECIDE which rooms there are, in order, and which a member is in: an index over the records."""

from bisect import bisect_right, insort
from collections.abc import Iterable

from bus.rooms import RoomBook, RoomChange
from schemas.rooms import CLOSED, RoomRecord
from schemas.subjects import topic_room_type


class RoomIndex:
    """Follows a book; made before the book begins to follow."""

    def __init__(self, book: RoomBook) -> None:
        self._book = book
        self._topics: list[str] = []  # sorted
        self._of_member: dict[int, set[str]] = {}
        book.on_change.append(self._take)

    def topics_of(self, mid: int) -> list[str]:
        """The rooms a member is in or invited to, in order."""
        return sorted(self._of_member.get(mid, ()))

    def topics(self) -> list[str]:
        """All rooms, in order."""
        return self._topics

    def owned(self, mid: int, room_type: str) -> int:
        """How many rooms of a type a member owns, closed ones apart."""
        records = (
            self._book.held(topic)
            for topic in self._of_member.get(mid, ())
            if topic_room_type(topic) == room_type
        )
        return sum(
            held is not None and held.record.owner == mid and held.record.access != CLOSED
            for held in records
        )

    def _take(self, change: RoomChange) -> None:
        topic = change.topic
        before = _people(change.before.record) if change.before is not None else frozenset()
        after = _people(change.after.record) if change.after is not None else frozenset()
        if change.before is None and change.after is not None:
            insort(self._topics, topic)
        elif change.after is None and change.before is not None:
            del self._topics[bisect_right(self._topics, topic) - 1]
        for mid in before - after:
            self._drop(mid, topic)
        for mid in after - before:
            self._of_member.setdefault(mid, set()).add(topic)

    def _drop(self, mid: int, topic: str) -> None:
        held = self._of_member.get(mid)
        if held is not None:
            held.discard(topic)
            if not held:
                del self._of_member[mid]


def after(topics: Iterable[str], last: str) -> list[str]:
    """Return the topics behind `last` in a sorted list; all for `""`."""
    ordered = topics if isinstance(topics, list) else sorted(topics)
    return ordered[bisect_right(ordered, last) :] if last else ordered


def _people(record: RoomRecord) -> frozenset[int]:
    return record.members | record.invited
