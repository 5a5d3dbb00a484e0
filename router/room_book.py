"""EDGE the bucket of room records: read from its leader, changed by compare and set."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from random import random
from typing import NamedTuple
from weakref import WeakValueDictionary

from bus.connection import Bus
from bus.errors import BusError, ValueChanged
from bus.metrics import Reading
from bus.rooms import MAX_VALUE_BYTES, RoomBook
from router.errors import RoomReason, RoomRefused
from router.readings import totals
from router.rooms import Deed
from schemas.rooms import RecordUnreadable, RoomRecord, decode_record, encode_record

MOST_ATTEMPTS = 12  # to change a record that others change too
PAUSE_SECONDS = 0.01  # before the second attempt, at random; grows with each
OWN_VIEW_SECONDS = 1.0  # for this router to read what it wrote
Decide = Callable[[RoomRecord | None], Deed]


class Stored(NamedTuple):
    """What the bucket holds; revision 0: it never held anything."""

    record: RoomRecord | None
    revision: int


class Done(NamedTuple):
    """A deed and the revision after it."""

    deed: Deed
    revision: int


class RoomWriter:
    """Changes records. Raises RoomRefused: ROOMS_AWAY, CHANGED_MEANWHILE, RECORD_UNREADABLE."""

    def __init__(self, bus: Bus, book: RoomBook) -> None:
        self.counts: Counter[str] = Counter()
        self.book = book
        self._bus = bus
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def change(self, topic: str, decide: Decide) -> Done:
        """Write what `decide` makes of the record; decide again when others were quicker.

        Returns when this router's own view has the change too. Changes of one room by this router
        come one after the other, so that only those of other routers can be quicker.
        """
        turn = self._turns.setdefault(topic, asyncio.Lock())
        async with turn:
            return await self._change(topic, decide)

    async def read(self, topic: str) -> Stored:
        """Return the record as it is now, also when another router wrote it just before."""
        try:
            value, revision = await self.book.bucket.read(self.book.key(topic))
            return Stored(None if value is None else decode_record(value.data), revision)
        except BusError as error:
            raise RoomRefused(RoomReason.ROOMS_AWAY) from error
        except RecordUnreadable:
            raise RoomRefused(RoomReason.RECORD_UNREADABLE) from None

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        names = ("written", "overtaken", "given_up")
        counts = {name: self.counts[name] for name in names}
        yield totals("room_writes", "changes of room records", "result", counts)

    async def _change(self, topic: str, decide: Decide) -> Done:
        for attempt in range(MOST_ATTEMPTS):
            stored = await self.read(topic)
            deed = decide(stored.record)
            if not deed.event:
                return Done(deed, stored.revision)
            revision = await self._write(topic, deed.record, stored.revision)
            if revision:
                self.counts["written"] += 1
                await self.book.reach(revision, OWN_VIEW_SECONDS)
                return Done(deed, revision)
            self.counts["overtaken"] += 1
            await asyncio.sleep(random() * PAUSE_SECONDS * (attempt + 1))
        self.counts["given_up"] += 1
        raise RoomRefused(RoomReason.CHANGED_MEANWHILE)

    async def _write(self, topic: str, record: RoomRecord, revision: int) -> int:
        """Return the new revision, 0 when the record has another revision by now."""
        payload = encode_record(record)
        if len(payload) > min(MAX_VALUE_BYTES, self._bus.client.max_payload) - 1024:
            raise RoomRefused(RoomReason.LIST_FULL, "the record of the room is full")
        try:
            return await self.book.bucket.put(self.book.key(topic), payload, revision)
        except ValueChanged:
            return 0
        except BusError as error:
            raise RoomRefused(RoomReason.ROOMS_AWAY) from error
