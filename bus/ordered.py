"""Read a JetStream stream in order and follow it: each message once, for a view in memory.

An ephemeral push consumer in the manner of NATS ADR-17: no acks, flow control, heartbeats. When a
delivery is missing, or heartbeats are, or NATS was away, a new consumer begins after the last
message that was handled; that number is all that is kept.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex
from typing import Any, NamedTuple

import structlog

from bus.connection import Bus
from bus.direct import DirectSubscription
from bus.errors import BusError, ReaderBehind
from bus.logs import RareLog
from bus.stream_api import Delivered, create_consumer, read_stream_state
from bus.waiters import Waiters
from schemas.headers import header_number, header_value, status

log = structlog.get_logger()

HEARTBEAT_SECONDS = 0.25  # the server tells an idle consumer how far it has come
SILENCE_SECONDS = 3.5  # without a heartbeat: the consumer is gone
RETRY_SECONDS = 0.25
UNUSED_SECONDS = 30.0  # nats-server forgets a consumer that nobody listens to
NANOSECONDS = 1_000_000_000
BROKEN = -2  # as last delivery's number: none comes after it
CONTROL_STATUS = 100
ACK = b"$JS.ACK."


class Entry(NamedTuple):
    """One stored message; `headers` is the raw block, `payload` is empty for headers only."""

    sequence: int
    subject: str
    headers: bytes | None
    payload: bytes
    time_ns: int  # when it was stored, unix nanoseconds


class OrderedReader:
    """Calls `on_entry(Entry)` for each message from `start_sequence` on, in order, for ever.

    `on_reset()` is called when the stream was made anew or has lost its end: all that was handed
    over is void, and reading begins at 1. Both run inside the socket's read and must not block.
    With `last_of`, a subject with wildcards, only those subjects are read, and of what is there
    when reading begins only the last message of each.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        on_entry: Callable[[Entry], None],
        headers_only: bool,
        start_sequence: int = 1,
        on_reset: Callable[[], None] = lambda: None,
        silence_seconds: float = SILENCE_SECONDS,
        last_of: str = "",
    ) -> None:
        self.stream = stream
        self.entries = 0  # handed over
        self.restarts = 0  # consumers asked for after the first
        self.gaps = 0  # restarts because a delivery was missing
        self.resets = 0
        self._bus = bus
        self._on_entry = on_entry
        self._on_reset = on_reset
        self._headers_only = headers_only
        self._silence_seconds = silence_seconds
        self._last_of = last_of
        self._reached = start_sequence - 1
        self._created = ""  # which stream of that name was read
        self._consumer = ""
        self._consumer_sequence = BROKEN  # of the last delivery
        self._subscription: DirectSubscription | None = None
        self._heard = False
        self._broken = asyncio.Event()
        self._waiters = Waiters()
        self._task: asyncio.Task[None] | None = None
        self._entry_log = RareLog("ordered_read_callback_raised")

    @property
    def reached(self) -> int:
        """Each message up to this sequence has been handed over, or was deleted before."""
        return self._reached

    @property
    def entry_errors(self) -> int:
        """How often on_entry or on_reset raised."""
        return self._entry_log.count

    def start(self) -> None:
        """Begin to read. NATS and the stream are waited for without end."""
        self._bus.on_reconnect.append(self._break)
        self._task = asyncio.create_task(self._read(), name=f"read_{self.stream}")

    async def stop(self) -> None:
        """Read no more. Those who wait get ReaderBehind at their deadline."""
        if self._break in self._bus.on_reconnect:
            self._bus.on_reconnect.remove(self._break)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._leave_consumer()

    async def wait_for(self, sequence: int, seconds: float) -> None:
        """Return when `reached` is at least `sequence`. Raises ReaderBehind. Cancelling is safe.

        For a message that was deleted before it was delivered it takes up to a heartbeat.
        """
        if self._reached >= sequence:
            return
        future = self._waiters.add(sequence)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            raise ReaderBehind(self.stream, sequence, self._reached, seconds) from None
        finally:
            if not future.done() or future.cancelled():
                self._waiters.discard(future)

    async def _read(self) -> None:
        told = False
        while True:
            try:
                await self._begin()
            except BusError as error:
                if not told:
                    log.warning("ordered_read_waits", stream=self.stream, error=str(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            told = False
            await self._until_broken()

    async def _begin(self) -> None:
        """Make a consumer that goes on after `reached`. Raises BusError."""
        self._leave_consumer()
        self._broken.clear()
        await self._check_stream()
        if self._consumer:
            self.restarts += 1
            log.info("ordered_read_again", stream=self.stream, after=self._reached)
        self._consumer = f"ordered-{token_hex(8)}"
        self._consumer_sequence = 0
        inbox = self._bus.new_inbox()
        self._subscription = self._bus.subscribe(inbox, self._handle_delivery)
        start = await create_consumer(self._bus, self.stream, self._config(inbox))
        if start.consumer == 0:
            self._note_delivered(start)
        await self._check_stream()  # it may have been made anew in between

    async def _check_stream(self) -> None:
        """Reset when this is another stream than was read, or it has lost its end."""
        reached = self._reached  # more may be delivered while the answer is on its way
        state = await read_stream_state(self._bus, self.stream)
        another = self._created not in ("", state.created)
        self._created = state.created
        if another or state.last_sequence < reached:
            self._reset(state.last_sequence)

    def _reset(self, last_sequence: int) -> None:
        log.warning(
            "ordered_read_reset", stream=self.stream, reached=self._reached, last=last_sequence
        )
        self.resets += 1
        self._break()
        self._reached = 0
        try:
            self._on_reset()
        except Exception:  # noqa: BLE001 - the owner's fault must not end the reading
            self._entry_log.exception(stream=self.stream)

    async def _until_broken(self) -> None:
        """Return when a new consumer is needed."""
        while not self._broken.is_set():
            self._heard = False
            try:
                async with asyncio.timeout(self._silence_seconds):
                    await self._broken.wait()
            except TimeoutError:
                if not self._heard:
                    self._break()

    def _break(self) -> None:
        self._consumer_sequence = BROKEN
        self._broken.set()

    def _leave_consumer(self) -> None:
        self._consumer_sequence = BROKEN
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)
            self._subscription = None

    def _handle_delivery(
        self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        self._heard = True
        if not reply.startswith(ACK):
            self._handle_control(reply, headers)
            return
        words = reply.split(b".")
        at = 5 if len(words) == 9 else 7  # in the longer form domain and account come before
        delivery = int(words[at + 1])
        if delivery != self._consumer_sequence + 1:
            self._handle_gap()
            return
        self._consumer_sequence = delivery
        sequence = int(words[at])
        self.entries += 1
        try:
            self._on_entry(Entry(sequence, subject.decode(), headers, payload, int(words[at + 2])))
        except Exception:  # noqa: BLE001 - the owner's fault must not end the reading
            self._entry_log.exception(stream=self.stream)
        self._reached = sequence
        if sequence >= self._waiters.next:
            self._waiters.wake(sequence)

    def _handle_control(self, reply: bytes, headers: bytes | None) -> None:
        if status(headers) != CONTROL_STATUS:
            self._break()
            return
        for subject in (reply.decode(), header_value(headers, "Nats-Consumer-Stalled")):
            if subject:
                self._answer_flow_control(subject)
        if not header_value(headers, "Nats-Last-Consumer"):
            return
        consumer = header_number(headers, "Nats-Last-Consumer")
        if consumer > self._consumer_sequence:
            self._handle_gap()
        else:
            stream = header_number(headers, "Nats-Last-Stream")
            self._note_delivered(Delivered(consumer, stream))

    def _answer_flow_control(self, subject: str) -> None:
        try:
            self._bus.publish(subject, b"")
        except BusError:
            return  # the next heartbeat asks again; after a cut there is a new consumer

    def _handle_gap(self) -> None:
        if not self._broken.is_set():
            self.gaps += 1
            self._break()

    def _note_delivered(self, delivered: Delivered) -> None:
        """Move past deleted messages: none comes, but the consumer is beyond them."""
        if delivered.consumer == self._consumer_sequence and delivered.stream > self._reached:
            self._reached = delivered.stream
            self._waiters.wake(self._reached)

    def _config(self, inbox: str) -> dict[str, Any]:
        start: dict[str, Any] = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._reached + 1,
        }
        if self._last_of:
            if self._reached == 0:
                start = {"deliver_policy": "last_per_subject"}
            start["filter_subject"] = self._last_of
        return start | {
            "name": self._consumer,
            "deliver_subject": inbox,
            "ack_policy": "none",
            "max_deliver": 1,
            "replay_policy": "instant",
            "flow_control": True,
            "idle_heartbeat": int(HEARTBEAT_SECONDS * NANOSECONDS),
            "headers_only": self._headers_only,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(UNUSED_SECONDS * NANOSECONDS),
        }
