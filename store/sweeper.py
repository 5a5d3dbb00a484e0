"""EDGE the end of retention, once a minute: save marks of what is gone, then purge it on disk.

Every store process lets go in memory; one of them, whoever claims the minute first, writes.
"""

import asyncio
import random
from collections.abc import Callable, Iterable

import structlog

from bus.connection import Bus
from bus.errors import BusError, StreamApiRefused
from bus.stream_api import WRONG_LAST_SEQUENCE
from schemas.policies import Policy
from store.batches import MOST_IN_BATCH, Put, write_batch, write_one
from store.clock import Clock
from store.errors import TopicRefused
from store.retention import Retention, purges, room_type_token
from store.stream import Streams
from store.sweep import SWEEP_KEY, Sweep, encode_sweep
from store.topics import topic_kind
from store.views import TopicView, Views

log = structlog.get_logger()

TURN_TOPICS = 1000  # looked at in one turn of the loop: about 2 ms
CLAIM_SHARE = 0.8  # of the interval must have passed since another process swept


class Sweeper:
    """Sweeps when told to, or for ever by `run`."""

    def __init__(
        self,
        bus: Bus,
        views: Views,
        streams: Streams,
        retention: Retention,
        policies: Callable[[], Iterable[Policy]],
        clock: Clock,
        seconds: float,
    ) -> None:
        self.sweeps = 0
        self.failures = 0
        self.marks_saved = 0
        self._bus = bus
        self._views = views
        self._streams = streams
        self._retention = retention
        self._policies = policies
        self._clock = clock
        self._seconds = seconds
        self._purged: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Sweep about every `seconds`, until cancelled; a failure is tried again next time."""
        while True:
            await asyncio.sleep(self._seconds * random.uniform(0.8, 1.2))
            try:
                await self._clock.synchronize()
                await self.sweep(self._clock())
            except BusError as error:
                self.failures += 1
                log.warning("sweep_failed", error=str(error))

    async def sweep(self, now: float) -> bool:
        """Let go of what is too old at `now` (unix seconds).

        Returns False when another process has this minute. Raises BusError.
        """
        await self._streams.ensure(self._policies())
        for view in self._views.topics.values():
            await self._refresh(view, now)
        self._views.positions.forget_marks(now)
        if not await self._claim(now):
            return False
        self.sweeps += 1
        for view in self._views.topics.values():
            await self._save_marks(view)
            await self._purge(view, now)
        return True

    async def _refresh(self, view: TopicView, now: float) -> None:
        topics = view.index.topics()
        for start in range(0, len(topics), TURN_TOPICS):
            for topic in topics[start : start + TURN_TOPICS]:
                view.refresh(topic, now)
            await asyncio.sleep(0)
        view.marks.forget(view.marks.stored_by(now - self._retention.longest(view.kind)))

    async def _claim(self, now: float) -> bool:
        trimmed = self._views.trimmed
        last = trimmed.last_sweep
        if now < last.at + CLAIM_SHARE * self._seconds:
            return False
        ends = {view.stream: view.end for view in self._views.topics.values()}
        ends = {name: max(end, last.ends.get(name, 0)) for name, end in ends.items()}
        value = encode_sweep(Sweep(now, ends))
        try:
            put = Put(trimmed.head + SWEEP_KEY, value, trimmed.sweep_revision)
            await write_one(self._bus, put)
        except StreamApiRefused as refused:
            if refused.code != WRONG_LAST_SEQUENCE:
                raise
            return False
        return True

    async def _save_marks(self, view: TopicView) -> None:
        """Write where the history of topics begins now, before more of it is purged."""
        topics = list(view.index.unsaved)
        for start in range(0, len(topics), MOST_IN_BATCH):
            marks = {}
            for topic in topics[start : start + MOST_IN_BATCH]:
                if _is_topic(topic):
                    marks[topic] = view.index.trimmed_to(topic)
                else:
                    view.index.unsaved.discard(topic)  # nobody can ask for it
            await self._write_marks(view, marks)

    async def _write_marks(self, view: TopicView, marks: dict[str, int]) -> None:
        if not marks:
            return
        head = self._views.trimmed.head
        await write_batch(
            self._bus, [Put(head + topic, str(mark).encode()) for topic, mark in marks.items()]
        )
        self.marks_saved += len(marks)
        for topic, mark in marks.items():
            view.index.mark_gone(topic, mark)

    async def _purge(self, view: TopicView, now: float) -> None:
        longest = self._retention.longest(view.kind)
        types = self._types(view) if view.kind == "ROOM" else {}
        stored = self._bus.subjects.stored
        for purge in purges(stored, types, longest, view.marks.stored_by, now):
            place = (view.stream, purge.subject)
            if self._purged.get(place) == purge.sequence:
                continue
            count = await self._streams.purge(view.stream, purge)
            self._purged[place] = purge.sequence
            if count:
                log.info("retention_ended", stream=view.stream, below=purge.subject, messages=count)

    def _types(self, view: TopicView) -> dict[str, float]:
        """Return the room types there are and for how many seconds each is retained."""
        tokens = {room_type_token(topic) for topic in view.index.topics()}
        limits = self._retention.limits
        return {token: limits("ROOM", f"room.{token}.x").seconds for token in tokens}


def _is_topic(text: str) -> bool:
    try:
        topic_kind(text)
    except TopicRefused:
        return False
    return True
