"""EDGE all that a router does for rooms with a record, joined; and how it ends."""

from collections.abc import Callable, Iterable
from typing import Self

from bus.connection import Bus
from bus.metrics import Reading
from bus.rooms import RoomBook
from bus.service import Service
from router.room_book import RoomWriter
from router.room_calls import RoomCalls
from router.room_events import RoomEvents
from router.room_index import RoomIndex
from router.room_views import event_of
from schemas.policies import Policy

AGAIN_SECONDS = 90.0  # under the two minutes that the stream knows message ids for


class Rooms:
    """The records, followed; the calls that change them; the events. Make it with `load`."""

    def __init__(self, bus: Bus, policy_of: Callable[[str], Policy]) -> None:
        self.book = RoomBook(bus)
        self.writer = RoomWriter(bus, self.book)
        self.events = RoomEvents(bus)
        self.calls = RoomCalls(self.book, RoomIndex(self.book), self.writer, self.events, policy_of)

    @classmethod
    async def load(cls, bus: Bus, policy_of: Callable[[str], Policy]) -> Self:
        """Return the rooms as they are now; waits for JetStream without end."""
        rooms = cls(bus, policy_of)
        await rooms.book.follow()
        rooms.tell_again()
        return rooms

    def tell_again(self) -> None:
        """Have the last events of a moment ago stored, in case their router ended before it did.

        Those that are in the stream are known there by their ids, and not stored twice.
        """
        since_ms = (self.book.clock() - AGAIN_SECONDS) * 1000
        for topic in self.book.topics():
            held = self.book.held(topic)
            last = held.record.last if held is not None else None
            if held is not None and last is not None and last.time_ms >= since_ms:
                self.events.store(topic, event_of(topic, held.record, held.revision))

    def serve(self, service: Service) -> None:
        """Answer `goim.rooms.*` on a service."""
        self.calls.serve(service)

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        for part in (self.book, self.writer, self.events, self.calls):
            yield from part.readings()

    async def drain(self) -> None:
        """After the service was stopped: have all events stored, follow no more."""
        await self.events.flush()
        await self.book.close()
