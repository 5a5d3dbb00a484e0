"""EDGE confirmed publishing into the streams, and publishing without storing.

A message is called stored only after JetStream confirmed it. What waits is bounded; `lane.py`
groups it, keeps its order and tries again while NATS is away.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from secrets import token_hex
from time import time

import structlog

from bus.connection import Bus
from bus.errors import BusError
from bus.metrics import Reading
from router.batches import Message, Outcome
from router.dated_ids import id_refusal
from router.errors import BodyTooLarge, NotConfirmed, QueueFull, RouterError
from router.lane import Lane
from router.readings import level, total, totals
from router.settings import PublisherSettings
from schemas.headers import MESSAGE_ID, encode_headers
from schemas.scoped_ids import scoped_id

log = structlog.get_logger()

HEADER_ALLOWANCE = 2048  # bytes of max_payload left for headers
REFUSED = "refused_"  # begins the counters of refusals


class Publisher:
    """Stores and casts messages. Make it inside a running loop; `close` ends its tasks."""

    def __init__(self, bus: Bus, settings: PublisherSettings) -> None:
        self.bus = bus
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.waiting = 0  # messages not settled yet
        self.waiting_bytes = 0
        self._lanes: dict[str, Lane] = {}
        self._run = token_hex(6)
        self._numbers = count(1)
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = asyncio.get_running_loop()

    def store(
        self,
        topic: str,
        operation: int,
        body: bytes,
        on_outcome: Callable[[Outcome], None],
        headers: dict[str, str] | None = None,
        message_id: str = "",
    ) -> None:
        """Store the message and call `on_outcome` once, later; it must not raise.

        Calls for one topic are stored in the order of the calls. Raises ValueError for a line
        break in a header or the id.
        """
        message = self._message(topic, operation, body, on_outcome, headers or {}, message_id)
        if not self._refuses(len(body), on_outcome, message_id):
            self._queue(self.bus.subjects.topic_stream(topic), message)

    def store_pair(
        self,
        topics: tuple[str, str],
        operation: int,
        body: bytes,
        on_outcome: Callable[[Outcome], None],
        headers: dict[str, str] | None = None,
        message_id: str = "",
    ) -> None:
        """Store a message in two topics of one stream: both copies or none, whatever crashes.

        `on_outcome` is called once with what became of the second copy, or with the first's error.
        The copies have ids of their own, made of the topic and the message's: so a retry stores
        what is not there yet. Raises ValueError as `store` does.
        """
        outcomes: dict[str, Outcome] = {}

        def settle(topic: str, outcome: Outcome) -> None:
            outcomes[topic] = outcome
            if len(outcomes) == 2:
                first, second = (outcomes[one] for one in topics)
                on_outcome(first if first.error is not None else second)

        copies = [
            self._message(
                topic,
                operation,
                body,
                partial(settle, topic),
                headers or {},
                scoped_id(topic, message_id),
            )
            for topic in topics
        ]
        if not self._refuses(2 * len(body), on_outcome, message_id, 2):
            copies[0].partner, copies[1].partner = copies[1], copies[0]
            self._queue(self.bus.subjects.topic_stream(topics[0]), *copies)

    async def store_event(self, subject: str, body: bytes, message_id: str) -> Outcome:
        """Store an event in the stream EVENT; events on one subject are stored in their order.

        Cancelling does not take it back. Raises ValueError for a line break in the id.
        """
        future: asyncio.Future[Outcome] = self._loop.create_future()
        if self._refuses(len(body), partial(_settle_future, future)):
            return await future
        deadline = self._loop.time() + self.settings.seconds
        block = encode_headers({MESSAGE_ID: message_id})
        settle = partial(_settle_future, future)
        message = Message(subject, subject, body, block, message_id, False, deadline, settle)
        self._queue(self.bus.subjects.stream("EVENT"), message)
        return await future

    async def store_one(
        self,
        topic: str,
        operation: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        message_id: str = "",
    ) -> Outcome:
        """Store the message and return what became of it. Cancelling does not take it back."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        settle = partial(_settle_future, future)
        self.store(topic, operation, body, settle, headers, message_id)
        return await future

    def cast(
        self, topic: str, operation: int, body: bytes, headers: dict[str, str] | None = None
    ) -> RouterError | None:
        """Deliver without storing; return why it was not sent, if so."""
        most = self._most_bytes()
        if len(body) > most:
            return BodyTooLarge(len(body), most)
        block = encode_headers(headers) if headers else None
        try:
            self.bus.publish(self.bus.subjects.cast(topic, operation), body, headers=block)
        except BusError as error:
            self.counts["casts_failed"] += 1
            return NotConfirmed(0, str(error))
        self.counts["casts"] += 1
        return None

    async def flush(self) -> None:
        """Return when all that was given is settled; that is bounded by `settings.seconds`."""
        await self._idle.wait()

    def close(self) -> None:
        """End the lanes; what is not settled never will be."""
        for lane in self._lanes.values():
            lane.task.cancel()

    def make_id(self) -> str:
        """Return a text that no other publisher uses, for a message or a batch."""
        return f"{self._run}.{next(self._numbers)}"

    def settle(self, message: Message, outcome: Outcome) -> None:
        """Tell a message's caller what became of it (called by the lanes)."""
        message.settled = True
        self.waiting -= 1
        self.waiting_bytes -= len(message.payload)
        if self.waiting == 0:
            self._idle.set()
        if outcome.error is not None:
            self.counts[REFUSED + type(outcome.error).__name__] += 1
        else:
            self.counts["duplicates" if outcome.duplicate else "stored"] += 1
        try:
            message.on_outcome(outcome)
        except Exception:
            log.exception("outcome_not_taken")  # the others of a group must hear theirs

    def readings(self) -> Iterable[Reading]:
        """What this publisher has counted, for Prometheus."""
        for name, words in _COUNTERS:
            yield total(name, words, self.counts[name])
        refused = {
            name.removeprefix(REFUSED): number
            for name, number in self.counts.items()
            if name.startswith(REFUSED)
        }
        words = "messages not stored, or not known to be"
        yield totals("publish_refused", words, "reason", refused)
        yield level("publish_waiting", "messages waiting to be confirmed", self.waiting)

    def _message(
        self,
        topic: str,
        operation: int,
        body: bytes,
        on_outcome: Callable[[Outcome], None],
        headers: dict[str, str],
        message_id: str,
    ) -> Message:
        identity = message_id or self.make_id()
        block = encode_headers(headers | {MESSAGE_ID: identity})
        subject = self.bus.subjects.push(topic, operation)
        deadline = self._loop.time() + self.settings.seconds
        named_by_us = not message_id
        return Message(topic, subject, body, block, identity, named_by_us, deadline, on_outcome)

    def _queue(self, stream: str, *messages: Message) -> None:
        for message in messages:
            self.waiting += 1
            self.waiting_bytes += len(message.payload)
        self._idle.clear()
        self._lane(stream).add(*messages)

    def _refuses(
        self,
        size: int,
        on_outcome: Callable[[Outcome], None],
        message_id: str = "",
        messages: int = 1,
    ) -> bool:
        """Tell, and have told, why so many messages of so many bytes in all are not taken."""
        refusal = None
        if message_id:
            settings = self.settings
            refusal = id_refusal(message_id, time(), settings.dedupe_seconds, settings.seconds)
        refusal = refusal or self._refusal(size, messages)
        if refusal is not None:
            self.counts[REFUSED + type(refusal).__name__] += 1
            self._loop.call_soon(on_outcome, Outcome(0, False, refusal))
        return refusal is not None

    def _lane(self, stream: str) -> Lane:
        lane = self._lanes.get(stream)
        if lane is None:
            lane = self._lanes[stream] = Lane(
                self.bus, self.settings, stream, self.settle, self.make_id, self.counts
            )
        return lane

    def _refusal(self, size: int, messages: int) -> RouterError | None:
        settings = self.settings
        if size // messages > self._most_bytes():
            return BodyTooLarge(size // messages, self._most_bytes())
        too_many = self.waiting + messages > settings.queue_messages
        if too_many or self.waiting_bytes + size > settings.queue_bytes:
            return QueueFull(self.waiting, self.waiting_bytes)
        return None

    def _most_bytes(self) -> int:
        return int(self.bus.client.max_payload) - HEADER_ALLOWANCE


def _settle_future(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


_COUNTERS = (
    ("stored", "messages that JetStream confirmed"),
    ("duplicates", "messages whose id was stored before"),
    ("batches", "atomic batches that were stored"),
    ("batches_refused", "atomic batches that were refused and then split"),
    ("publish_retries", "messages sent again because no answer came"),
    ("casts", "messages delivered without storing"),
    ("casts_failed", "messages not delivered because NATS was away"),
)
