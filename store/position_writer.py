"""EDGE positions into their bucket: what comes while one batch is on its way goes with the next.

Each write expects the revision it was merged with, so two store processes never undo each other;
who loses merges again. A batch that is refused is written value by value.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bus.connection import Bus
from bus.errors import BusError, StreamApiRefused
from bus.stream_api import WRONG_LAST_SEQUENCE
from schemas.subjects import decode_token
from store.batches import MOST_IN_BATCH, Put, write_batch, write_one
from store.errors import PositionsContended
from store.positions import EndOf, encode_position, is_read_key, merge_topics
from store.views import PositionView

log = structlog.get_logger()

MOST_ATTEMPTS = 5
MOST_WAITING = 100_000  # devices with a change that is not written; more are refused


@dataclass(slots=True)
class _Change:
    """What is to be merged into one device's position, and who waits for it."""

    topics: dict[str, int]
    futures: list["asyncio.Future[None]"] = field(default_factory=list)
    attempts: int = 0
    tried: int = -1  # the revision that turned out to be another

    def settle(self, error: Exception | None = None) -> None:
        for future in self.futures:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


class PositionWriter:
    """Merges positions and writes them; what was awaited is stored."""

    def __init__(
        self,
        bus: Bus,
        view: PositionView,
        end_of: EndOf,
        clock: Callable[[], float],
        seconds: float,
    ) -> None:
        self.saved = 0  # devices written
        self.unchanged = 0  # had nothing new
        self.batches = 0
        self.batches_refused = 0
        self.conflicts = 0
        self.topics_dropped = 0
        self._bus = bus
        self._view = view
        self._end_of = end_of
        self._clock = clock
        self._seconds = seconds
        self._waiting: dict[str, _Change] = {}
        self._writing: dict[str, _Change] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Too many changes wait already."""
        return len(self._waiting) >= MOST_WAITING

    def unwritten(self, key: str, topic: str) -> int | None:
        """Return a position that is on its way to the bucket: its device may be back already."""
        changes = (self._waiting.get(key), self._writing.get(key))
        found = [change.topics[topic] for change in changes if change and topic in change.topics]
        return max(found, default=None)

    async def save(self, positions: Sequence[tuple[str, Mapping[str, int]]]) -> None:
        """Return when each (key, topics) is stored, or was already. Raises BusError."""
        loop = asyncio.get_running_loop()
        futures = []
        for key, topics in positions:
            future: asyncio.Future[None] = loop.create_future()
            futures.append(future)
            change = self._waiting.setdefault(key, _Change({}))
            change.topics = _highest(change.topics, topics)
            change.futures.append(future)
        if self._task is None and futures:
            self._task = asyncio.create_task(self._write_all(), name="write_positions")
        if futures:
            await asyncio.wait(futures)
        failures = [error for future in futures if (error := future.exception())]
        if failures:
            raise failures[0]

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:MOST_IN_BATCH]
                self._writing = {key: self._waiting.pop(key) for key in keys}
                await self._write(dict(self._writing))
        finally:
            self._task, self._writing = None, {}

    async def _write(self, changes: dict[str, _Change]) -> None:
        try:
            await self._view.barrier.wait(self._seconds)  # what others wrote is merged, not met
            puts = self._merge(changes)
            if puts:
                await self._write_batch(changes, puts)
        except BusError as error:
            for change in changes.values():
                change.settle(error)
        except Exception:
            log.exception("positions_not_written", devices=len(changes))
            for change in changes.values():
                change.settle(BusError("an error on our side"))

    def _merge(self, changes: dict[str, _Change]) -> dict[str, Put]:
        """Return what must be written; changes that bring nothing new are settled."""
        puts = {}
        table, now = self._view.table, self._clock()
        for key, change in list(changes.items()):
            known = table.topics(key)
            merged, dropped = merge_topics(known, change.topics, self._end_of, is_read_key(key))
            if merged == known and not self._view.is_aging(key, now):
                self.unchanged += len(change.futures)
                change.settle()
                del changes[key]
                continue
            self.topics_dropped += dropped
            revision = table.revision(key)
            expected = 0 if revision == change.tried else revision  # it may have been forgotten
            change.tried = revision
            device = decode_token(key.partition(".")[2])
            puts[key] = Put(self._view.head + key, encode_position(key, merged, device), expected)
        return puts

    async def _write_batch(self, changes: dict[str, _Change], puts: dict[str, Put]) -> None:
        self.batches += 1
        try:
            sequence = await write_batch(self._bus, list(puts.values()))
        except StreamApiRefused as refused:
            self.batches_refused += 1
            log.info("position_batch_refused", devices=len(puts), error=str(refused))
            await self._write_singly(changes, puts)
            return
        await self._view.reader.wait_for(sequence, self._seconds)
        self.saved += len(puts)
        for change in changes.values():
            change.settle()

    async def _write_singly(self, changes: dict[str, _Change], puts: dict[str, Put]) -> None:
        """Write each value on its own; what was changed meanwhile is merged again later."""
        work = [write_one(self._bus, put) for put in puts.values()]
        results = await asyncio.gather(*work, return_exceptions=True)
        await self._view.barrier.wait(self._seconds)
        for key, result in zip(puts, results, strict=True):
            change = changes[key]
            if isinstance(result, int):
                self.saved += 1
                change.settle()
            elif isinstance(result, StreamApiRefused) and result.code == WRONG_LAST_SEQUENCE:
                self._try_again(key, change)
            elif isinstance(result, Exception):
                change.settle(result)

    def _try_again(self, key: str, change: _Change) -> None:
        self.conflicts += 1
        change.attempts += 1
        if change.attempts >= MOST_ATTEMPTS:
            change.settle(PositionsContended(key, change.attempts))
            return
        newer = self._waiting.get(key)
        if newer is None:
            self._waiting[key] = change
            return
        newer.topics = _highest(change.topics, newer.topics)
        newer.futures += change.futures
        newer.attempts = max(newer.attempts, change.attempts)
        newer.tried = change.tried


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {topic: max(one.get(topic, 0), other.get(topic, 0)) for topic in {**one, **other}}
