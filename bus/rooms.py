"""The records of rooms, followed in memory, so that a right costs a look and no request.

Router and gateways each follow the bucket GOIM_ROOMS, so a change is known to all of them within
milliseconds of its being stored. A record is kept as the bytes that came and decoded when it is
first asked for. What can't be read counts as a closed room: nobody gets more than was meant.
"""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

import structlog

from bus.bucket import Bucket
from bus.connection import Bus
from bus.followed import FollowedBucket
from bus.metrics import Reading
from bus.ordered import Entry
from schemas.rooms import CLOSED, Denial, RecordUnreadable, RoomRecord, decode_record, denial
from schemas.subjects import room_topic

log = structlog.get_logger()

TOPIC_HEAD = "room."
MAX_VALUE_BYTES = 524_288  # a record with all its lists full of members takes some 200 KB
UNREADABLE = RoomRecord(access=CLOSED)


class HeldRecord:
    """A record as it came, decoded when it is asked for."""

    __slots__ = ("_payload", "_record", "revision")

    def __init__(self, payload: bytes, revision: int) -> None:
        self.revision = revision
        self._payload = payload
        self._record: RoomRecord | None = None

    @property
    def record(self) -> RoomRecord:
        """The record; UNREADABLE for what is none."""
        if self._record is None:
            try:
                self._record = decode_record(self._payload)
            except RecordUnreadable as error:
                log.warning("room_record_unreadable", revision=self.revision, error=str(error))
                self._record = UNREADABLE
            self._payload = b""
        return self._record


class RoomChange(NamedTuple):
    """A room's record before and now; None where it had or has none."""

    topic: str
    before: HeldRecord | None
    after: HeldRecord | None


class RoomBook:
    """Which rooms have a record, and what it says. Make it with `RoomBook.load`."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock  # unix seconds
        self.changes = 0
        self.on_change: list[Callable[[RoomChange], None]] = []
        others = "rooms_bucket_is_made_by_others"
        self.bucket = Bucket(bus, "ROOMS", max_value_bytes=MAX_VALUE_BYTES, made_by_others=others)
        self._rooms: dict[str, HeldRecord] = {}
        self._followed = FollowedBucket(self.bucket, self._handle_change, self._handle_reset)

    @classmethod
    async def load(cls, bus: Bus) -> Self:
        """Return a book that is as the bucket is now; waits for JetStream without end."""
        book = cls(bus)
        await book.follow()
        return book

    async def follow(self) -> None:
        """Begin to follow, and return when all that is in the bucket now has been read."""
        await self._followed.load("rooms_wait")

    async def close(self) -> None:
        """Follow the bucket no more."""
        await self._followed.close()

    async def reach(self, revision: int, seconds: float) -> None:
        """Return when this revision has been read, or the time is up."""
        await self._followed.reach(revision, seconds)

    def held(self, topic: str) -> HeldRecord | None:
        """Return the record of a room topic, None for a room without one."""
        return self._rooms.get(topic)

    def topics(self) -> Iterable[str]:
        """The topics of all rooms with a record."""
        return self._rooms

    def denial(self, right: str, mid: int, topic: str) -> Denial | None:
        """Return why the room's record denies `receive`, `send` or `history`; None: it doesn't."""
        held = self._rooms.get(topic)
        return None if held is None else denial(held.record, right, mid, self.clock())

    def may(self, mid: int, right: str, room: str) -> bool:
        """Tell whether a room (its id) has no record that denies the right. Raises IdRefused."""
        return self.denial(right, mid, room_topic(room)) is None

    def key(self, topic: str) -> str:
        """Return the bucket's key of a room topic."""
        return topic.removeprefix(TOPIC_HEAD)

    def readings(self) -> Iterable[Reading]:
        """What a scrape is told."""
        rooms, changes = len(self._rooms), self.changes
        yield "goim_room_records", "Rooms with a record", "gauge", (), [((), rooms)]
        yield "goim_room_changes", "Records read as they changed", "counter", (), [((), changes)]

    def _handle_change(self, key: str, entry: Entry | None) -> None:
        topic = TOPIC_HEAD + key
        before = self._rooms.get(topic)
        after = None
        if entry is None:
            self._rooms.pop(topic, None)
        else:
            after = self._rooms[topic] = HeldRecord(entry.payload, entry.sequence)
        self.changes += 1
        self._tell(RoomChange(topic, before, after))

    def _handle_reset(self) -> None:
        rooms, self._rooms = self._rooms, {}
        for topic, before in rooms.items():
            self._tell(RoomChange(topic, before, None))

    def _tell(self, change: RoomChange) -> None:
        for callback in tuple(self.on_change):
            callback(change)
