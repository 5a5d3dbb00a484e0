"""DECIDE what a store process tells Prometheus: all read from plain numbers at scrape time."""

from collections.abc import Iterable, Iterator

from bus.metrics import Reading
from store.arrivals import Arrivals
from store.bus import StoreService
from store.leaving import Leaving
from store.position_writer import PositionWriter
from store.read_service import ReadService
from store.reading import MessageReader
from store.stream import Streams
from store.sweeper import Sweeper
from store.views import Views


class StoreReadings:
    """The readings of one store process."""

    def __init__(
        self,
        views: Views,
        messages: MessageReader,
        arrivals: Arrivals,
        writer: PositionWriter,
        streams: Streams,
        sweeper: Sweeper,
        service: StoreService,
        reading: ReadService,
        leaving: Leaving,
    ) -> None:
        self._views = views
        self._messages = messages
        self._arrivals = arrivals
        self._writer = writer
        self._streams = streams
        self._sweeper = sweeper
        self._service = service
        self._reading = reading
        self._leaving = leaving

    def __call__(self) -> Iterable[Reading]:
        """Return all readings as they are now."""
        yield from self._of_views()
        yield from self._of_messages()
        yield from self._of_positions()
        yield from self._of_requests()
        yield from self._of_reads()
        yield from self._of_sweeps()

    def _of_views(self) -> Iterator[Reading]:
        views = list(self._views.topics.values())
        readers = list(self._views.readers())
        yield _by(
            "store_index_topics",
            "Topics known",
            "gauge",
            "stream",
            {view.stream: len(view.index) for view in views},
        )
        yield _by(
            "store_index_messages",
            "Messages that can be replayed",
            "gauge",
            "stream",
            {view.stream: view.index.messages for view in views},
        )
        yield _by(
            "store_view_sequence",
            "How far a stream has been read",
            "gauge",
            "stream",
            {reader.stream: reader.reached for reader in readers},
        )
        yield _by(
            "store_view_restarts",
            "Times the reading of a stream began again",
            "counter",
            "stream",
            {reader.stream: reader.restarts for reader in readers},
        )
        yield _by(
            "store_view_resets",
            "Times a stream turned out to be another one",
            "counter",
            "stream",
            {reader.stream: reader.resets for reader in readers},
        )
        yield _by(
            "store_unreadable_subjects",
            "Stored under a subject that no frame can carry",
            "counter",
            "stream",
            {view.stream: view.unreadable for view in views},
        )
        yield _one(
            "store_foreign_marks",
            "Marks past the end of their stream",
            "counter",
            self._views.trimmed.foreign_marks,
        )

    def _of_messages(self) -> Iterator[Reading]:
        messages, cache = self._messages, self._messages.cache
        yield _by(
            "store_reads",
            "Messages asked for, by where they came from",
            "counter",
            "from",
            {"stream": messages.read_messages, "cache": cache.hits, "shared": messages.shared},
        )
        yield _by(
            "store_reads_failed",
            "Messages that could not be had",
            "counter",
            "reason",
            {"gone": messages.gone, "unreadable": messages.unreadable, "error": messages.errors},
        )
        yield _one(
            "store_arrivals",
            "Messages kept in memory as they came",
            "counter",
            self._arrivals.messages,
        )
        yield _one("store_cache_bytes", "Bytes of messages in memory", "gauge", cache.size)

    def _of_positions(self) -> Iterator[Reading]:
        writer = self._writer
        yield _one(
            "store_position_devices",
            "Devices with a position",
            "gauge",
            len(self._views.positions.table),
        )
        yield _by(
            "store_positions",
            "Positions of devices, by outcome",
            "counter",
            "outcome",
            {
                "saved": writer.saved,
                "unchanged": writer.unchanged,
                "conflict": writer.conflicts,
                "refused": self._service.positions_refused,
                "start unsaved": self._service.starts_unsaved,
            },
        )
        yield _one(
            "store_position_topics_dropped",
            "Rooms a device's position had no place for",
            "counter",
            writer.topics_dropped,
        )
        yield _one(
            "store_position_batches", "Atomic batches of positions", "counter", writer.batches
        )
        yield _one(
            "store_position_batches_refused",
            "Batches written value by value instead",
            "counter",
            writer.batches_refused,
        )

    def _of_requests(self) -> Iterator[Reading]:
        service = self._service
        barriers = list(self._views.barriers())
        yield _one(
            "store_position_requests_refused",
            "Requests refused because too many positions wait",
            "counter",
            service.refused_busy,
        )
        yield _one(
            "store_wants", "Topics that devices wanted to catch up on", "counter", service.wants
        )
        yield _one(
            "store_wants_refused",
            "Wants of something that is no topic",
            "counter",
            service.wants_refused,
        )
        leaving = self._leaving
        yield _by(
            "store_leaving",
            "Devices that were to leave a gateway, by outcome",
            "counter",
            "outcome",
            {
                "left": leaving.left,
                "deferred": leaving.deferred,
                "given_up": leaving.given_up,
                "unlisted": leaving.unlisted,
            },
        )
        yield _one(
            "store_replayed_messages", "Messages in answers", "counter", service.replayed_messages
        )
        yield _one("store_gaps", "Replays that had to tell of a gap", "counter", service.gaps)
        yield _by(
            "store_barriers",
            "Barriers for requests, by outcome",
            "counter",
            "outcome",
            {
                "passed": sum(one.passed for one in barriers),
                "failed": sum(one.failed for one in barriers),
            },
        )
        yield _one(
            "store_barrier_questions",
            "Questions asked for barriers",
            "counter",
            sum(one.questions for one in barriers),
        )

    def _of_reads(self) -> Iterator[Reading]:
        views, reading = self._views, self._reading
        gauge, counter = "gauge", "counter"
        for name, words, kind, number in (
            ("history_pages", "Pages of history in answers", counter, self._service.history_pages),
            ("conversations", "Members and peers, each way", gauge, len(views.conversations)),
            ("direct_messages", "Kept, in all members", gauge, views.conversations.messages),
            ("room_senders", "Last messages of senders, known", gauge, views.last_sent.pairs),
            ("readers", "Members with a read position", gauge, views.positions.table.readers),
            ("unread_asked", "Rooms and peers whose unread were told", counter, reading.asked),
            ("reads_moved", "Read positions that rose", counter, reading.moved),
            ("reads_untold", "Not told to other devices", counter, reading.untold),
            ("reads_refused", "Too many positions wait", counter, reading.refused_busy),
        ):
            yield _one(f"store_{name}", words, kind, number)

    def _of_sweeps(self) -> Iterator[Reading]:
        sweeper, streams = self._sweeper, self._streams
        yield _by(
            "store_sweeps",
            "Ends of retention, by outcome",
            "counter",
            "outcome",
            {"done": sweeper.sweeps, "failed": sweeper.failures},
        )
        yield _one("store_marks_saved", "Marks of what is gone", "counter", sweeper.marks_saved)
        yield _one(
            "store_purged_messages",
            "Messages deleted by retention",
            "counter",
            streams.purged_messages,
        )


def _one(name: str, words: str, kind: str, number: float) -> Reading:
    return (f"goim_{name}", words, kind, (), [((), number)])


def _by(name: str, words: str, kind: str, label: str, rows: dict[str, int]) -> Reading:
    return (f"goim_{name}", words, kind, (label,), [((one,), rows[one]) for one in rows])
