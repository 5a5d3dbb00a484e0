"""The NATS connection of a service: publish, subscribe, request, and know when it is away.

Subscriptions call back at once with raw bytes (`direct.py`); requests share one inbox
(`requests.py`); `steady.py` keeps the client alive whatever the server does.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any, Self

import structlog
from nats.errors import Error, SlowConsumerError, UnexpectedEOF
from nats.js import JetStreamContext

from bus.credentials import check_credentials
from bus.direct import DirectClient, DirectSubscription, OnMessage, can_deliver_directly
from bus.errors import (
    BusError,
    BusOverloaded,
    Disconnected,
    PayloadTooLarge,
    RequestTimeout,
    SettingsRefused,
    SubjectRefused,
)
from bus.logs import RareLog
from bus.outage import Outage
from bus.plain import PlainClient
from bus.requests import OnReply, Reply, Requests
from bus.settings import BusSettings
from bus.steady import CONNECT_SECONDS, MISSED_PINGS, NO_LIMIT_BYTES, RECONNECT_SECONDS
from schemas.subjects import Subjects

__all__ = ["Bus", "Reply"]

log = structlog.get_logger()

SWEEP_SECONDS = 0.1  # how often request deadlines are looked at
DRAIN_SECONDS = 3.0
FLUSH_SECONDS = 10.0
CLOSE_SECONDS = 1.0
MAX_SUBJECT_BYTES = 1024  # nats-server takes 4096 for subject, reply subject and sizes together
_PUBLISHABLE = re.compile(rb"[^\x00-\x20\x7f]+")
_TOKEN = r"(?:\*|[^\x00-\x20\x7f\ud800-\udfff.*>]+)"
_SUBSCRIBABLE = re.compile(rf">|{_TOKEN}(?:\.{_TOKEN})*(?:\.>)?")
_QUEUE = re.compile(r"[^\x00-\x20\x7f\ud800-\udfff]{0,128}")


class Bus:
    """One connection to NATS. Make it with `Bus.connect`."""

    def __init__(self, settings: BusSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.subjects = Subjects(settings.prefix)
        self.client = self._make_client()
        self.reconnects = 0
        self.overloads = 0  # publishes and requests refused because too much waits
        self.on_disconnect: list[Callable[[], None]] = []  # before anything comes again
        # Called each time NATS is back, when the server knows all subscriptions again; messages
        # in between are lost. What one raises is counted and logged.
        self.on_reconnect: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()
        self._inbox = ""
        self._inbox_head = b""
        self._requests = Requests()
        self._outage = Outage()
        self._permission_log = RareLog("nats_permission_refused")
        self._slow_log = RareLog("nats_messages_dropped")
        self._error_log = RareLog("nats_error")
        self._reconnect_log = RareLog("on_reconnect_raised")
        self._disconnect_log = RareLog("on_disconnect_raised")
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @classmethod
    async def connect(cls, settings: BusSettings, name: str) -> Self:
        """Connect, waiting for NATS without end; it reconnects without end too.

        Raises SettingsRefused for what waiting can't mend: a bad URL or credentials file.
        """
        bus = cls(settings, name)
        await bus._connect()
        bus._inbox = bus.client.new_inbox()
        bus._inbox_head = f"{bus._inbox}.".encode()
        bus.client.subscribe_direct(f"{bus._inbox}.*", bus._handle_reply)
        bus._spawn(bus._sweep_requests(), "bus_sweep")
        return bus

    @property
    def connected(self) -> bool:
        """True while NATS answers, as far as known."""
        return self.client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        """nats-py's JetStream, for managing streams and buckets."""
        return self.client.jetstream(timeout=self.settings.request_seconds)

    @property
    def requests(self) -> Requests:
        """The requests under way, for their counters."""
        return self._requests

    @property
    def away(self) -> float:
        """Seconds without NATS, of all outages that have ended."""
        return self._outage.seconds

    @property
    def permission_errors(self) -> int:
        """How often the server refused a publish or a subscription."""
        return self._permission_log.count

    @property
    def slow_consumer_drops(self) -> int:
        """Messages dropped before nats-py's own subscriptions; direct ones have no queue."""
        return self._slow_log.count

    @property
    def callback_errors(self) -> int:
        """How often a callback of ours raised."""
        own = (self._reconnect_log, self._disconnect_log)
        logs = (self.client.callback_errors, self._requests.callback_errors, *own)
        return sum(one.count for one in logs)

    def subscribe(self, subject: str, on_message: OnMessage, queue: str = "") -> DirectSubscription:
        """Call `on_message(subject, reply, payload, headers)` for each message, at once.

        The callback must not block; what it raises is counted and logged. With `queue` each
        message goes to one member of that group. A subscription outlives reconnects. Raises
        SubjectRefused for what the server would cut us off for.
        """
        fits = len(subject.encode("utf-8", "replace")) <= MAX_SUBJECT_BYTES
        if not fits or not _SUBSCRIBABLE.fullmatch(subject) or not _QUEUE.fullmatch(queue):
            raise SubjectRefused(f"{subject} {queue}".strip())
        return self.client.subscribe_direct(subject, on_message, queue)

    def unsubscribe(self, subscription: DirectSubscription) -> None:
        """End a subscription: no callback comes after this."""
        self.client.unsubscribe_direct(subscription)

    async def drain_subscriptions(self, subscriptions: list[DirectSubscription]) -> None:
        """End subscriptions after all that the server has sent for them has called back.

        Ends them at once when NATS is away. Cancelling is safe: they are ended.
        """
        try:
            for subscription in subscriptions:
                self.client.quiet_direct(subscription)
            await self.flush(DRAIN_SECONDS)
            for subscription in subscriptions:
                await self.client.handled(subscription)
        except BusError as error:
            log.warning("subscriptions_cut_short", error=str(error))
        finally:
            for subscription in subscriptions:
                self.client.unsubscribe_direct(subscription)

    def new_inbox(self) -> str:
        """Return a subject of our own for answers or deliveries."""
        return self.client.new_inbox()

    def publish(
        self, subject: str, payload: bytes, reply: bytes = b"", headers: bytes | None = None
    ) -> None:
        """Send without an answer; a cut just after may still lose it.

        Raises Disconnected, BusOverloaded, PayloadTooLarge or SubjectRefused: not sent.
        """
        to = self._check(subject, payload, headers)
        self.client.publish_direct(to, payload, reply, headers)

    def request(
        self,
        subject: str,
        payload: bytes,
        on_reply: OnReply,
        seconds: float = 0,
        headers: bytes | None = None,
    ) -> None:
        """Send and call `on_reply` exactly once: with the answer or with the error.

        It is never called before this returns. The errors are those of `call`.
        """
        try:
            to = self._check(subject, payload, headers)
            self._check_requests()
        except BusError as error:
            self._loop.call_soon(self._requests.fail, on_reply, subject, error)
            return
        seconds = seconds or self.settings.request_seconds
        token = self._requests.add(on_reply, subject, self._loop.time(), seconds)
        self.client.publish_direct(to, payload, self._inbox_head + token, headers)

    async def call(
        self, subject: str, payload: bytes, seconds: float = 0, headers: bytes | None = None
    ) -> Reply:
        """Send and await the answer. Cancelling is safe: a later answer is dropped.

        Raises Disconnected, NoResponders, RequestTimeout, PublishRefused, BusOverloaded,
        PayloadTooLarge or SubjectRefused.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()

        def settle(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        self.request(subject, payload, settle, seconds, headers)
        reply = await future
        if reply.error is not None:
            raise reply.error
        return reply

    async def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Return when the server has handled all that was sent before.

        Raises Disconnected, also when the connection is lost meanwhile, or RequestTimeout.
        """
        if not self.client.is_connected:
            raise Disconnected
        try:
            await self.client.flush(seconds)
        except TimeoutError:
            raise RequestTimeout("PING", seconds) from None
        except Error:
            raise Disconnected from None

    async def drain(self) -> None:
        """Let what was received be handled and what was sent arrive, then close.

        Gives up after 3 s, or at once where NATS is away, and closes anyway.
        """
        self._closing = True
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._stop_deliveries()
        except (BusError, Error, OSError) as error:
            log.warning("bus_drain_cut_short", error=str(error) or type(error).__name__)
            self.client.abort_connection()
        await self._close()

    def _make_client(self) -> DirectClient | PlainClient:
        if self.settings.direct and can_deliver_directly():
            return DirectClient()
        log.warning("nats_delivery_is_plain", asked_for=not self.settings.direct)
        return PlainClient()

    async def _connect(self) -> None:
        if self.settings.nats_credentials:
            check_credentials(self.settings.nats_credentials)
        while True:
            try:
                await self.client.connect(**self._options())
            except Error as error:  # nats-py retries all but a URL that it can't use
                raise SettingsRefused([f"NATS_URL can't be used: {error}"]) from None
            except ValueError as error:  # a garbled greeting
                self._outage.note_failure(error)
                self.client.abort_connection()
                self.client = self._make_client()
                await asyncio.sleep(RECONNECT_SECONDS)
            except BaseException:
                self.client.abort_connection()
                raise
            else:
                self._outage.note_return(self.client.connected_url)
                return

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "servers": [url.strip() for url in settings.nats_url.split(",")],
            "name": f"{settings.prefix}-{self.name}",
            "user_credentials": settings.nats_credentials or None,
            "inbox_prefix": settings.inbox_prefix,
            "connect_timeout": CONNECT_SECONDS,
            "ping_interval": settings.ping_seconds,
            "max_outstanding_pings": MISSED_PINGS,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_SECONDS,
            "allow_reconnect": True,
            "pending_size": NO_LIMIT_BYTES,
            "error_cb": self._handle_error,
            "disconnected_cb": self._handle_disconnect,
            "reconnected_cb": self._handle_reconnect,
        }

    def _check(self, subject: str, payload: bytes, headers: bytes | None) -> bytes:
        """Return the subject as bytes, or raise what keeps the message from being sent."""
        client = self.client
        if not client.is_connected:
            raise Disconnected
        data = _publishable(subject)
        size = len(payload) if headers is None else len(payload) + len(headers)
        if size > client.max_payload:
            raise PayloadTooLarge(subject, size, client.max_payload)
        queued, limit = client.queued_bytes + size, self.settings.max_queued_bytes
        if queued > limit:
            self.overloads += 1
            raise BusOverloaded("bytes", queued, limit)
        return data

    def _check_requests(self) -> None:
        waiting, limit = len(self._requests), self.settings.max_requests
        if waiting >= limit:
            self.overloads += 1
            raise BusOverloaded("requests", waiting, limit)

    def _handle_reply(
        self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        self._requests.handle_reply(subject.rpartition(b".")[2], payload, headers)

    async def _sweep_requests(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._requests.expire(self._loop.time())

    async def _handle_error(self, error: Exception) -> None:
        words = str(error) or type(error).__name__
        if "permissions violation" in words:
            self._permission_log.warning(error=words)
            self._requests.handle_refusal(words)
        elif isinstance(error, SlowConsumerError):
            self._slow_log.warning(subject=error.subject)
        elif self.client.is_connected and not isinstance(error, UnexpectedEOF | OSError):
            self._error_log.warning(error=words)
        else:
            self._outage.note_failure(error)

    async def _handle_disconnect(self) -> None:
        if not self._closing:
            self._outage.note_cut()
        self._requests.fail_all(Disconnected())
        _call_all(self.on_disconnect, self._disconnect_log)

    async def _handle_reconnect(self) -> None:
        self.reconnects += 1
        self._outage.note_return(self.client.connected_url)
        _call_all(self.on_reconnect, self._reconnect_log)

    async def _stop_deliveries(self) -> None:
        subscriptions = self.client.direct_subscriptions()
        own = [one for one in subscriptions if one.on_message != self._handle_reply]
        for subscription in own:
            self.client.quiet_direct(subscription)
        await self.flush(DRAIN_SECONDS)
        for subscription in own:
            await self.client.handled(subscription)
        await self.flush(DRAIN_SECONDS)

    async def _close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.client.close()
        except (OSError, Error) as error:
            self.client.abort_connection()
            log.warning("bus_close_cut_short", error=str(error) or type(error).__name__)
        self._requests.fail_all(Disconnected())

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("bus_task_failed", task=task.get_name(), exc_info=error)


@lru_cache(maxsize=1024)
def _publishable(subject: str) -> bytes:
    """Return a subject as it goes out; most are the same few. Raises SubjectRefused."""
    try:
        data = subject.encode()
    except UnicodeEncodeError:
        raise SubjectRefused(subject) from None
    if len(data) > MAX_SUBJECT_BYTES or not _PUBLISHABLE.fullmatch(data):
        raise SubjectRefused(subject)
    return data


def _call_all(callbacks: list[Callable[[], None]], failures: RareLog) -> None:
    for callback in tuple(callbacks):
        try:
            callback()
        except Exception:  # noqa: BLE001 - one owner's fault must not keep it from the others
            failures.exception()
