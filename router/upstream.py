"""EDGE what clients send, answered after it was stored: `goim.up.<type>.<id>.<mid>.<op>` to rooms,
`goim.direct.<to>.<from>.<op>` to members.

The request's payload is the body as it is. The answer is a SendReply: the sequence, or why not.

    request ─► admission ─► record ─► rates ─► responder ─► publisher ─► answer
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from bus.metrics import Reading
from bus.rooms import RoomBook
from router.admission import (
    Sending,
    admit,
    delivery_headers,
    rate_buckets,
    read_direct,
    read_sending,
)
from router.batches import Outcome
from router.errors import AdmissionRefused, QueueFull, RateExceeded, RoomRefused, RouterError
from router.publisher import Publisher
from router.rates import Rates
from router.readings import level, totals
from router.responder import OFF, Responder
from router.verdicts import Verdict
from schemas.messages_pb2 import Error, SendReply
from schemas.policies import Policy
from schemas.rooms import SEND
from schemas.scoped_ids import scoped_id
from schemas.subjects import Subjects

Answer = Callable[[bytes], None]


class Taken(NamedTuple):
    """A message that was read, and how its client is answered."""

    sending: Sending
    policy: Policy
    answer: Answer


class Upstream:
    """Admits what clients send, and publishes it by the policy of the room's type."""

    def __init__(
        self,
        publisher: Publisher,
        rates: Rates,
        policy_of: Callable[[str], Policy],
        max_body_bytes: int,
        book: RoomBook | None = None,
    ) -> None:
        self.publisher = publisher
        self.rates = rates
        self.policy_of = policy_of
        self.max_body_bytes = max_body_bytes
        self.book = book  # None: no room has a record
        self.responder = Responder(publisher.bus, max_body_bytes)
        self.running = 0  # requests not answered yet
        self.counts: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    def handle_sent(
        self, subject: bytes, payload: bytes, headers: bytes | None, answer: Answer
    ) -> None:
        """Take a client's message to a room; `answer` is called once, when its fate is known."""
        self._handle(read_sending, subject, payload, headers, answer)

    def handle_direct(
        self, subject: bytes, payload: bytes, headers: bytes | None, answer: Answer
    ) -> None:
        """Take a client's message to a member in the same way."""
        self._handle(read_direct, subject, payload, headers, answer)

    async def flush(self) -> None:
        """Return when every request was answered; the publisher's time bounds that."""
        await self._idle.wait()

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        yield totals("sent", "messages of clients by what became of them", "result", self.counts)
        yield level("sending", "messages of clients not answered yet", self.running)
        yield from self.responder.readings()

    def _handle(
        self,
        read: Callable[[Subjects, str, bytes | None], Sending],
        subject: bytes,
        payload: bytes,
        headers: bytes | None,
        answer: Answer,
    ) -> None:
        self.running += 1
        self._idle.clear()
        try:
            words = subject.decode("utf-8", "replace")
            sending = read(self.publisher.bus.subjects, words, headers)
            policy = self.policy_of(sending.room_type)
            admit(sending, len(payload), policy, self.max_body_bytes)
            self._check_record(sending)
            self._check_queue()
        except RouterError as error:
            self._answer_error(answer, error)
            return
        buckets = rate_buckets(sending, policy)
        proceed = partial(self._ask, Taken(sending, policy, answer), payload)
        if buckets:
            self.rates.take(buckets, proceed)
        else:
            proceed(None)

    def _check_record(self, sending: Sending) -> None:
        if self.book is None or sending.recipient:
            return
        denial = self.book.denial(SEND, sending.mid, sending.topic)
        if denial is not None:
            raise RoomRefused.of(denial, self.book.clock())

    def _check_queue(self) -> None:
        if self.running > self.publisher.settings.queue_messages:
            raise QueueFull(self.running, self.publisher.waiting_bytes)

    def _ask(self, taken: Taken, body: bytes, exceeded: RateExceeded | None) -> None:
        if exceeded is not None:
            self._answer_error(taken.answer, exceeded)
            return
        publish = partial(self._publish, taken)
        self.responder.ask(taken.sending, taken.policy, body, publish)

    def _publish(self, taken: Taken, verdict: Verdict) -> None:
        sending, policy, answer = taken
        try:
            if verdict.error is not None:
                raise verdict.error
            if policy.admit != OFF:
                self._check_record(sending)  # it may say something else by now
        except RouterError as error:
            self._answer_error(answer, error)
            return
        headers = delivery_headers(sending, policy)
        if sending.cast or not policy.keep:
            self._cast(sending, verdict.body, headers, answer)
        else:
            self._store(sending, verdict.body, headers, partial(self._answer_outcome, answer))

    def _store(
        self,
        sending: Sending,
        body: bytes,
        headers: dict[str, str],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        publisher, operation, message_id = self.publisher, sending.operation, sending.message_id
        match sending.topics:
            case (topic, sender_topic):
                topics = (topic, sender_topic)
                publisher.store_pair(topics, operation, body, on_outcome, headers, message_id)
            case (topic,):
                own = scoped_id(topic, message_id) if sending.recipient else message_id
                publisher.store(topic, operation, body, on_outcome, headers, own)

    def _cast(self, sending: Sending, body: bytes, headers: dict[str, str], answer: Answer) -> None:
        for topic in sending.topics:
            error = self.publisher.cast(topic, sending.operation, body, headers)
            if error is not None:
                self._answer_error(answer, error)
                return
        self.counts["cast" if sending.cast else "sent"] += 1
        self._finish(answer, SendReply())

    def _answer_outcome(self, answer: Answer, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._answer_error(answer, outcome.error)
            return
        self.counts["duplicate" if outcome.duplicate else "sent"] += 1
        reply = SendReply(sequence=outcome.sequence, duplicate=outcome.duplicate)
        self._finish(answer, reply)

    def _answer_error(self, answer: Answer, error: RouterError) -> None:
        reason = "" if isinstance(error, AdmissionRefused) else error.reason  # anybody's words
        self.counts[reason or type(error).__name__] += 1
        self._finish(answer, SendReply(error=error_message(error)))

    def _finish(self, answer: Answer, reply: SendReply) -> None:
        self.running -= 1
        if self.running == 0:
            self._idle.set()
        answer(reply.SerializeToString())


def error_message(error: RouterError) -> Error:
    """Return the error as it travels in a reply."""
    return Error(
        code=error.code,
        message=error.message,
        retry=error.retry,
        reason=error.reason,
        after=error.after,
    )
