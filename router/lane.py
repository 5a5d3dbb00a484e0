"""EDGE what is to be stored in one stream: one flight after the other, each as large as it got.

What comes while the lane is idle goes out at once; what comes while a flight is under way waits
for it and leaves together, so that under load one sync to disk serves many messages. One flight
at a time keeps the order of every topic, whatever fails. A message without an answer is tried
again under the same Nats-Msg-Id until its deadline.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from functools import partial

import structlog

from bus.connection import Bus, Reply
from bus.errors import BusError, NoResponders, NotSent, PublishRefused
from router.batches import (
    BATCHES_DISABLED,
    NOT_READY,
    STORAGE_FULL,
    Ack,
    Message,
    Outcome,
    batch_headers,
    belongs_in_batch,
    middle_of,
    read_ack,
    split_rounds,
    take_group,
)
from router.errors import NotConfirmed, StorageRefused
from router.recent_ids import RecentIds
from router.settings import PublisherSettings

log = structlog.get_logger()

RETRY_SECONDS = 0.05  # before the first retry; doubles up to MOST_RETRY_SECONDS
MOST_RETRY_SECONDS = 0.5


class Lane:
    """The queue of one stream and the task that empties it."""

    def __init__(
        self,
        bus: Bus,
        settings: PublisherSettings,
        stream: str,
        settle: Callable[[Message, Outcome], None],
        make_id: Callable[[], str],
        counts: Counter[str],
    ) -> None:
        self.bus = bus
        self.settings = settings
        self.stream = stream
        self.queue: deque[Message] = deque()
        self.batching = True  # until the server shows that it has no atomic batches
        self._tell = settle
        self._recent = RecentIds(settings.dedupe_seconds / 2)  # JetStream still knows them for sure
        self._make_id = make_id
        self._counts = counts
        self._arrived = asyncio.Event()
        self._reconnected = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._batch_started = 0.0
        self._failures = 0  # flights in a row that had to be tried again
        bus.on_reconnect.append(self._reconnected.set)
        self.task = asyncio.ensure_future(self._run())

    def add(self, *messages: Message) -> None:
        """Queue messages behind the others."""
        self.queue.extend(messages)
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            if not self.queue:
                self._arrived.clear()
                await self._arrived.wait()
            await self._wait_for_group()
            await self._wait_for_nats()
            self._expire()
            group = self._new_ones(take_group(self.queue, self.settings.batch_most))
            left = await self._fly(group) if group else []
            if left:
                self.queue.extendleft(reversed(left))
                self._counts["publish_retries"] += len(left)
                await self._wait_to_retry()
            else:
                self._failures = 0

    async def _wait_for_group(self) -> None:
        """Let a group gather when the last batch began just now; else there is little load."""
        wait = self._batch_started + self.settings.group_seconds - self._loop.time()
        if wait > 0 and len(self.queue) < self.settings.batch_most:
            await asyncio.sleep(wait)

    async def _wait_for_nats(self) -> None:
        while self.queue and not self.bus.connected:
            self._reconnected.clear()
            try:
                async with asyncio.timeout_at(self.queue[0].deadline):
                    await self._reconnected.wait()
            except TimeoutError:
                self._expire()

    async def _wait_to_retry(self) -> None:
        seconds = RETRY_SECONDS * 2 ** min(self._failures, 10)
        self._failures += 1
        await asyncio.sleep(min(seconds, MOST_RETRY_SECONDS))

    def _expire(self) -> None:
        now = self._loop.time()
        while self.queue and self.queue[0].deadline <= now:
            message = self.queue.popleft()
            error = NotConfirmed(self.settings.seconds, message.problem)
            self._settle(message, Outcome(0, False, error))

    def _new_ones(self, group: list[Message]) -> list[Message]:
        """Settle those that were stored a moment ago under the same id; return the others."""
        now, left = self._loop.time(), []
        for message in group:
            sequence = 0 if message.named_by_us else self._recent.sequence(message.message_id, now)
            if sequence:
                self._settle(message, Outcome(sequence, duplicate=True))
            else:
                left.append(message)
        return left

    def _settle(self, message: Message, outcome: Outcome) -> None:
        if outcome.error is None and not message.named_by_us:
            self._recent.add(message.message_id, outcome.sequence, self._loop.time())
        self._tell(message, outcome)

    async def _fly(self, group: list[Message]) -> list[Message]:
        """Store a group; whatever goes wrong, return what is to be tried again."""
        try:
            return await self._store(group)
        except Exception:
            log.exception("flight_failed", stream=self.stream)
            left = [message for message in group if not message.settled]
            for message in left:
                message.uncertain = True
            return left

    async def _store(self, messages: list[Message]) -> list[Message]:
        """Store them in order; return those to be tried again, in order."""
        if not self.batching or not belongs_in_batch(messages, self.settings.batch_from):
            return await self._store_singly(messages)
        self._batch_started = self._loop.time()
        try:
            ack = await self._send_batch(messages)
        except BusError:  # not committed, so nothing of it is stored
            return messages
        if ack is None:
            return messages
        if ack.number == 0 and ack.batch_size == len(messages):
            self._settle_batch(messages, ack)
            return []
        self._counts["batches_refused"] += 1
        if ack.number in (0, BATCHES_DISABLED):
            log.warning("atomic_batches_unavailable", stream=self.stream, words=ack.description)
            self.batching = False
            return await self._store_singly(messages)
        if ack.number == STORAGE_FULL:
            for message in messages:
                self._refuse(message, ack)
            return []
        middle = middle_of(messages)
        left = await self._store(messages[:middle])
        if left:
            return left + messages[middle:]
        return await self._store(messages[middle:])

    async def _store_singly(self, messages: list[Message]) -> list[Message]:
        for messages_of_round in split_rounds(messages):
            await self._send_round(messages_of_round)
            if not all(message.settled for message in messages_of_round):
                break
        return [message for message in messages if not message.settled]

    async def _send_round(self, messages: list[Message]) -> None:
        done: asyncio.Future[None] = self._loop.create_future()
        unanswered = len(messages)

        def handle(message: Message, reply: Reply) -> None:
            nonlocal unanswered
            unanswered -= 1
            self._handle_single(message, reply)
            if unanswered == 0 and not done.done():
                done.set_result(None)

        for message in messages:
            self._request(message, message.headers, partial(handle, message))
        await done

    def _handle_single(self, message: Message, reply: Reply) -> None:
        if reply.error is not None:
            _note_failure(message, reply.error)
            return
        ack = read_ack(reply.payload)
        if ack.number == 0:
            duplicate = ack.duplicate and not message.named_by_us
            self._settle(message, Outcome(ack.sequence, duplicate))
        elif ack.number in NOT_READY:
            message.problem = ack.description
        else:
            self._refuse(message, ack)

    async def _send_batch(self, messages: list[Message]) -> Ack | None:
        """Send an atomic batch; None when there was no answer, so nobody knows."""
        batch_id = self._make_id().encode()
        last = len(messages)
        done: asyncio.Future[Reply] = self._loop.create_future()

        def settle(reply: Reply) -> None:
            if not done.done():
                done.set_result(reply)

        for number, message in enumerate(messages, 1):
            headers = batch_headers(message, batch_id, number, last)
            if number == last:
                self._request(message, headers, settle)
            elif number == 1:
                self._request(message, headers, _ignore)
            else:
                self.bus.publish(message.subject, message.payload, headers=headers)
        reply = await done
        if reply.error is None:
            return read_ack(reply.payload)
        for message in messages:
            _note_failure(message, reply.error)
        return None

    def _request(self, message: Message, headers: bytes, on_reply: Callable[[Reply], None]) -> None:
        seconds = self.settings.attempt_seconds
        self.bus.request(message.subject, message.payload, on_reply, seconds, headers)

    def _settle_batch(self, messages: list[Message], ack: Ack) -> None:
        """A batch is stored as one piece: its sequences follow each other, the last is told."""
        self._counts["batches"] += 1
        for sequence, message in enumerate(messages, ack.sequence - len(messages) + 1):
            self._settle(message, Outcome(sequence))

    def _refuse(self, message: Message, ack: Ack) -> None:
        self._settle(message, Outcome(0, False, StorageRefused(ack.number, ack.description)))


def _note_failure(message: Message, error: Exception) -> None:
    """Remember why there was no answer, and whether the message may be stored nevertheless."""
    message.problem = str(error)
    message.uncertain |= not isinstance(error, NoResponders | NotSent | PublishRefused)


def _ignore(reply: Reply) -> None:
    """The first answer says that the batch began; the commit's answer, what became of it."""
