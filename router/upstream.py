"""EDGE what clients send: `goim.up.<type>.<id>.<mid>.<op>`, answered after it was stored.

The request's payload is the body as it is. The answer is a SendReply: the sequence, or why not.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from bus.metrics import Reading
from bus.rooms import RoomBook
from router.admission import Sending, admit, delivery_headers, rate_bucket, read_sending
from router.batches import Outcome
from router.errors import QueueFull, RateExceeded, RoomRefused, RouterError
from router.publisher import Publisher
from router.rates import Rates
from router.readings import level, totals
from schemas.messages_pb2 import Error, SendReply
from schemas.policies import Policy
from schemas.rooms import SEND

Answer = Callable[[bytes], None]


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
        self.running = 0  # requests not answered yet
        self.counts: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    def handle_sent(
        self, subject: bytes, payload: bytes, headers: bytes | None, answer: Answer
    ) -> None:
        """Take one message of a client; `answer` is called once, when its fate is known."""
        self.running += 1
        self._idle.clear()
        try:
            words = subject.decode("utf-8", "replace")
            sending = read_sending(self.publisher.bus.subjects, words, headers)
            policy = self.policy_of(sending.room_type)
            admit(sending, len(payload), policy, self.max_body_bytes)
            self._check_record(sending)
            self._check_queue()
        except RouterError as error:
            self._answer_error(answer, error)
            return
        bucket = rate_bucket(sending, policy)
        publish = partial(self._publish, sending, policy, payload, answer)
        if bucket is None:
            publish(0.0)
        else:
            self.rates.take(bucket, publish)

    async def flush(self) -> None:
        """Return when every request was answered; the publisher's time bounds that."""
        await self._idle.wait()

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        yield totals("sent", "messages of clients by what became of them", "result", self.counts)
        yield level("sending", "messages of clients not answered yet", self.running)

    def _check_record(self, sending: Sending) -> None:
        if self.book is None:
            return
        denial = self.book.denial(SEND, sending.mid, sending.topic)
        if denial is not None:
            raise RoomRefused.of(denial, self.book.clock())

    def _check_queue(self) -> None:
        if self.running > self.publisher.settings.queue_messages:
            raise QueueFull(self.running, self.publisher.waiting_bytes)

    def _publish(
        self, sending: Sending, policy: Policy, body: bytes, answer: Answer, wait: float
    ) -> None:
        if wait > 0:
            self._answer_error(answer, RateExceeded(wait))
            return
        headers = delivery_headers(sending, policy)
        publisher = self.publisher
        if policy.keep:
            settle = partial(self._answer_outcome, answer)
            publisher.store(
                sending.topic, sending.operation, body, settle, headers, sending.message_id
            )
            return
        error = publisher.cast(sending.topic, sending.operation, body, headers)
        self._answer_outcome(answer, Outcome(0, False, error))

    def _answer_outcome(self, answer: Answer, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._answer_error(answer, outcome.error)
            return
        self.counts["duplicate" if outcome.duplicate else "sent"] += 1
        reply = SendReply(sequence=outcome.sequence, duplicate=outcome.duplicate)
        self._finish(answer, reply)

    def _answer_error(self, answer: Answer, error: RouterError) -> None:
        self.counts[error.reason or type(error).__name__] += 1
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
