"""EDGE the views: what the streams and buckets hold, in memory, read in order and followed."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from bus.connection import Bus
from bus.errors import BusError
from bus.ordered import Entry, OrderedReader
from schemas.headers import header_value
from store.barrier import Barrier
from store.conversations import Conversations
from store.index import TopicIndex
from store.last_sent import LastSent
from store.marks import TimeMarks
from store.message import push_head, split_subject
from store.positions import PositionTable
from store.replay import TopicState
from store.retention import Retention
from store.sweep import LOST_PREFIX, SWEEP_KEY, Sweep, decode_sequence, decode_sweep
from store.topics import KINDS, Kind

log = structlog.get_logger()

NANOSECONDS = 1_000_000_000
BUILD_TURN_SECONDS = 600.0  # one wait for a view; a longer build is waited for again
RETRY_SECONDS = 0.5
_OWN_HEADERS = b"\r\nGoim-"  # without any, no member has sent it


class TopicView:
    """The topics of one stream: which sequences they have, how old these are, who sent them."""

    def __init__(
        self,
        bus: Bus,
        kind: Kind,
        retention: Retention,
        on_reset: Callable[[], None],
        sent: LastSent | Conversations,
    ) -> None:
        self.kind = kind
        self.stream = bus.subjects.stream(kind)
        self.index = TopicIndex()
        self.marks = TimeMarks()
        self.sent = sent
        self.lost_to = 0  # all up to here went with a stream that was made anew
        self.unreadable = 0  # subjects that are no push of ours
        self.reader = OrderedReader(
            bus, self.stream, self._handle_entry, headers_only=True, on_reset=self._handle_reset
        )
        self.barrier = Barrier(bus, self.reader)
        self._retention = retention
        self._head = push_head(bus.subjects)
        self._on_reset = on_reset

    @property
    def end(self) -> int:
        """All of the stream up to here is in the view."""
        return self.reader.reached

    def refresh(self, topic: str, now: float) -> None:
        """Let go of what the topic's limits, or `now` (unix seconds), no longer allow."""
        limits = self._retention.limits(self.kind, topic)
        self.index.trim_to_count(topic, limits.messages)
        self.index.trim_to(topic, self.marks.stored_by(now - limits.seconds))
        self.sent.trim(topic, self.index.trimmed_to(topic))

    def discard(self, topic: str, sequence: int) -> None:
        """Forget one message that was deleted from the stream on its own."""
        self.index.discard(topic, sequence)
        self.sent.discard(topic, sequence)

    def state(self, topic: str, now: float) -> TopicState:
        """Return what a decision about the topic needs, its limits applied."""
        self.refresh(topic, now)
        too_old = first = 0
        if self.kind == "ROOM":
            policy = self._retention.policy(topic)
            first = policy.first
            if policy.replay_seconds:
                too_old = self.marks.stored_by(now - policy.replay_seconds)
        return TopicState(self.kind, topic, self.index, self.end, too_old, first, self.lost_to)

    def _handle_entry(self, entry: Entry) -> None:
        self.marks.note(entry.sequence, entry.time_ns / NANOSECONDS)
        parts = split_subject(self._head, entry.subject)
        if parts is None:
            self.unreadable += 1
            return
        topic = parts[0]
        most = self._retention.most_messages(self.kind, topic)
        self.index.append(topic, entry.sequence, most)
        if entry.headers is not None and _OWN_HEADERS in entry.headers:
            self.sent.note(topic, entry.sequence, entry.headers)

    def _handle_reset(self) -> None:
        self.index.clear()
        self.sent.clear()
        self.marks.clear()
        self._on_reset()


class PositionView:
    """The positions of all devices, as the bucket has them."""

    def __init__(self, bus: Bus, forget_seconds: float) -> None:
        self.table = PositionTable()
        self._forget_seconds = forget_seconds
        self._marks = TimeMarks()
        self.stream = f"KV_{bus.subjects.bucket('POSITION')}"
        self.head = f"$KV.{bus.subjects.bucket('POSITION')}."
        self.reader = OrderedReader(
            bus, self.stream, self._handle_entry, headers_only=False, on_reset=self._handle_reset
        )
        self.barrier = Barrier(bus, self.reader)

    def is_aging(self, key: str, now: float) -> bool:
        """Tell whether a position is half forgotten: then even the same is written again."""
        revision = self.table.revision(key)
        return 0 < revision <= self._marks.stored_by(now - self._forget_seconds / 2)

    def forget_marks(self, now: float) -> None:
        """Drop what is known of the age of positions that the bucket has forgotten."""
        self._marks.forget(self._marks.stored_by(now - self._forget_seconds))

    def _handle_reset(self) -> None:
        self.table.clear()
        self._marks.clear()

    def _handle_entry(self, entry: Entry) -> None:
        self._marks.note(entry.sequence, entry.time_ns / NANOSECONDS)
        removed = header_value(entry.headers, "KV-Operation") in ("DEL", "PURGE")
        value = b"" if removed else entry.payload
        self.table.apply(entry.subject[len(self.head) :], entry.sequence, value)


class TrimmedView:
    """What earlier sweeps left: marks of what is gone, for the indexes, and the last sweep."""

    def __init__(self, bus: Bus, views: dict[Kind, TopicView]) -> None:
        self.stream = f"KV_{bus.subjects.bucket('TRIMMED')}"
        self.head = f"$KV.{bus.subjects.bucket('TRIMMED')}."
        self.last_sweep = Sweep()
        self.sweep_revision = 0
        self.foreign_marks = 0  # past the end of their stream: of another life of it
        self.reader = OrderedReader(bus, self.stream, self._handle_entry, headers_only=False)
        self.barrier = Barrier(bus, self.reader)
        self._views = views
        self._kept_back: dict[str, int] | None = {}  # None once the indexes are built

    def apply_kept_back(self) -> None:
        """Hand the marks to the indexes, which have been built by now."""
        kept_back, self._kept_back = self._kept_back or {}, None
        for topic, sequence in kept_back.items():
            view = self._view_of(topic)
            if view is not None and sequence <= view.end:
                view.index.mark_gone(topic, sequence)
            else:
                self.foreign_marks += 1

    def _handle_entry(self, entry: Entry) -> None:
        key = entry.subject[len(self.head) :]
        if key == SWEEP_KEY:
            self.last_sweep = decode_sweep(entry.payload)
            self.sweep_revision = entry.sequence
        elif key.startswith(LOST_PREFIX):
            view = self._view_of(key.removeprefix(LOST_PREFIX))
            if view is not None:
                view.lost_to = max(view.lost_to, decode_sequence(entry.payload))
        elif self._kept_back is not None:
            self._kept_back[key] = decode_sequence(entry.payload)
        elif (view := self._view_of(key)) is not None:
            view.index.mark_gone(key, decode_sequence(entry.payload))

    def _view_of(self, topic: str) -> TopicView | None:
        kind = topic.partition(".")[0].upper()
        return next((view for known, view in self._views.items() if known == kind), None)


class Views:
    """All that a store process knows, and how to wait until it knows it."""

    def __init__(
        self,
        bus: Bus,
        retention: Retention,
        on_reset: Callable[[], None],
        forget_seconds: float,
    ) -> None:
        self.conversations = Conversations()
        self.last_sent = LastSent()
        sent: dict[Kind, LastSent | Conversations]
        sent = {"MEMBER": self.conversations, "ROOM": self.last_sent, "ALL": LastSent()}
        self.topics = {
            kind: TopicView(bus, kind, retention, on_reset, sent[kind]) for kind in KINDS
        }
        self.positions = PositionView(bus, forget_seconds)
        self.trimmed = TrimmedView(bus, self.topics)

    def start(self) -> None:
        """Begin to read the streams, which must exist soon."""
        for reader in self.readers():
            reader.start()

    async def build(self) -> None:
        """Return when all views hold what their streams held at the call; waits without end."""
        await asyncio.gather(*[_wait_without_end(barrier) for barrier in self.barriers()])
        self.trimmed.apply_kept_back()

    def end_of(self, kind: Kind) -> int:
        """Return how far a stream has been read."""
        return self.topics[kind].end

    async def stop(self) -> None:
        """Read no more."""
        await asyncio.gather(*[reader.stop() for reader in self.readers()])

    def readers(self) -> Iterable[OrderedReader]:
        """Return the readers of all views."""
        yield from (view.reader for view in self.topics.values())
        yield self.positions.reader
        yield self.trimmed.reader

    def barriers(self) -> Iterable[Barrier]:
        """Return the barriers of all views."""
        yield from (view.barrier for view in self.topics.values())
        yield self.positions.barrier
        yield self.trimmed.barrier


async def _wait_without_end(barrier: Barrier) -> None:
    while True:
        try:
            await barrier.wait(BUILD_TURN_SECONDS)
            return
        except BusError as error:
            log.warning("view_not_built_yet", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
