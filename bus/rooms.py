"""The records of rooms, followed in memory, so that a right costs a look and no request.

Router and gateways each follow the bucket GOIM_ROOMS, so a change is known to all of them within
milliseconds of its being stored. A record is kept as the bytes that came and decoded when it is
first asked for. What can't be read counts as a closed room: nobody gets more than was meant.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, Self

import structlog

from bus.connection import Bus
from bus.errors import BusError, PublishRefused
from bus.metrics import Reading
from bus.ordered import Entry, OrderedReader
from bus.stream_api import create_stream, read_stream_state
from schemas.headers import header_value
from schemas.rooms import CLOSED, Denial, RecordUnreadable, RoomRecord, decode_record, denial
from schemas.subjects import room_topic

log = structlog.get_logger()

BUCKET = "ROOMS"
TOPIC_HEAD = "room."
RETRY_SECONDS = 0.5
READ_SECONDS = 5.0
MAX_VALUE_BYTES = 524_288  # a record with all its lists full of members takes some 200 KB
DUPLICATE_SECONDS = 120
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

    def __init__(self, bus: Bus, replicas: int = 1, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock  # unix seconds
        self.changes = 0
        self.on_change: list[Callable[[RoomChange], None]] = []
        self.bucket = bus.subjects.bucket(BUCKET)
        self.stream = f"KV_{self.bucket}"
        self._head = f"$KV.{self.bucket}."
        self._bus = bus
        self._replicas = replicas
        self._rooms: dict[str, HeldRecord] = {}
        self._reader = OrderedReader(
            bus, self.stream, self._handle_entry, headers_only=False, on_reset=self._handle_reset
        )

    @classmethod
    async def load(cls, bus: Bus, replicas: int = 1) -> Self:
        """Return a book that is as the bucket is now; waits for JetStream without end."""
        book = cls(bus, replicas)
        try:
            await book.follow()
        except BaseException:
            await book.close()
            raise
        return book

    async def follow(self) -> None:
        """Begin to follow, and return when all that is in the bucket now has been read."""
        self._reader.start()
        told = False
        while True:
            try:
                await self._ensure_bucket()
                state = await read_stream_state(self._bus, self.stream)
                await self._reader.wait_for(state.last_sequence, READ_SECONDS)
            except BusError as error:
                if not told:
                    log.warning("rooms_wait", bucket=self.bucket, error=str(error))
                    told = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def close(self) -> None:
        """Follow the bucket no more."""
        await self._reader.stop()

    async def reach(self, revision: int, seconds: float) -> None:
        """Return when this revision has been read, or the time is up."""
        with suppress(BusError):
            await self._reader.wait_for(revision, seconds)

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

    def subject(self, topic: str) -> str:
        """Return the subject that the record of a room topic is stored on."""
        return self._head + topic.removeprefix(TOPIC_HEAD)

    def readings(self) -> Iterable[Reading]:
        """What a scrape is told."""
        rooms, changes = len(self._rooms), self.changes
        yield "goim_room_records", "Rooms with a record", "gauge", (), [((), rooms)]
        yield "goim_room_changes", "Records read as they changed", "counter", (), [((), changes)]

    async def _ensure_bucket(self) -> None:
        config = {
            "name": self.stream,
            "subjects": [f"{self._head}>"],
            "max_msgs_per_subject": 1,
            "max_msg_size": MAX_VALUE_BYTES,
            "storage": "file",
            "num_replicas": self._replicas,
            "discard": "new",
            "duplicate_window": DUPLICATE_SECONDS * 1_000_000_000,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
        }
        try:
            await create_stream(self._bus, config)
        except PublishRefused:
            log.info("rooms_bucket_is_made_by_others", bucket=self.bucket)

    def _handle_entry(self, entry: Entry) -> None:
        topic = TOPIC_HEAD + entry.subject.removeprefix(self._head)
        before = self._rooms.get(topic)
        after = None
        if is_deletion(entry.headers):
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


def is_deletion(headers: bytes | None) -> bool:
    """Tell whether a bucket's message says that its key holds nothing."""
    return bool(
        header_value(headers, "KV-Operation") in ("DEL", "PURGE")
        or header_value(headers, "Nats-Marker-Reason")
    )
