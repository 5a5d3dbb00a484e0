"""The NATS connection of a service: publish, subscribe, request, and know when it is away.

Subscriptions call back at once with raw bytes (`direct.py`); requests share one inbox.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from bus.direct import DirectClient, DirectSubscription, OnMessage
from bus.errors import Disconnected, NoResponders, RequestTimeout
from bus.settings import BusSettings
from schemas.headers import status
from schemas.subjects import Subjects

log = structlog.get_logger()

SWEEP_SECONDS = 0.1  # how often request deadlines are looked at
NO_RESPONDERS = 503  # status of a reply when nobody listens (NATS protocol)
CONNECT_WAIT_SECONDS = 0.2
DRAIN_SECONDS = 3.0


class Reply(NamedTuple):
    """The answer to a request, or why there is none (`error` set, payload empty)."""

    payload: bytes
    headers: bytes | None
    error: Exception | None


class _Waiting(NamedTuple):
    on_reply: Callable[[Reply], None]
    deadline: float
    subject: str
    seconds: float


class Bus:
    """One connection to NATS. Make it with `Bus.connect`."""

    def __init__(self, settings: BusSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.subjects = Subjects(settings.prefix)
        self.client = DirectClient()
        self.reconnects = 0
        self.slow_consumer_drops = 0
        self.permission_errors = 0
        self.on_reconnect: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()
        self._inbox = ""
        self._waiting: dict[bytes, _Waiting] = {}
        self._request_number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @classmethod
    async def connect(cls, settings: BusSettings, name: str) -> "Bus":
        """Connect, waiting for NATS without end; it reconnects without end too."""
        bus = cls(settings, name)
        await bus._connect()
        bus._inbox = bus.client.new_inbox()
        bus.client.subscribe_direct(f"{bus._inbox}.*", bus._handle_reply)
        bus._spawn(bus._sweep_requests(), "bus_sweep")
        bus._spawn(bus._watch_half_open(), "bus_watchdog")
        return bus

    @property
    def connected(self) -> bool:
        """True while NATS answers, as far as known."""
        return self.client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        """nats-py's JetStream, for managing streams and buckets."""
        return self.client.jetstream(timeout=self.settings.request_seconds)

    def subscribe(self, subject: str, on_message: OnMessage, queue: str = "") -> DirectSubscription:
        """Call `on_message(subject, reply, payload, headers)` for each message, at once.

        The subject must be made by schemas.subjects (ids encoded). The callback must not block.
        """
        return self.client.subscribe_direct(subject, on_message, queue)

    def unsubscribe(self, subscription: DirectSubscription) -> None:
        """End a subscription."""
        self.client.unsubscribe_direct(subscription)

    def new_inbox(self) -> str:
        """Return a subject of our own for answers or deliveries."""
        return self.client.new_inbox()

    def publish(
        self, subject: str, payload: bytes, reply: bytes = b"", headers: bytes | None = None
    ) -> None:
        """Send without an answer. Raises Disconnected; a cut just after may still lose it."""
        if not self.client.is_connected:
            raise Disconnected
        self.client.publish_direct(subject.encode(), payload, reply, headers)

    def request(
        self,
        subject: str,
        payload: bytes,
        on_reply: Callable[[Reply], None],
        seconds: float = 0,
        headers: bytes | None = None,
    ) -> None:
        """Send and call `on_reply` exactly once: with the answer or with the error."""
        seconds = seconds or self.settings.request_seconds
        if not self.client.is_connected:
            self._loop.call_soon(on_reply, Reply(b"", None, Disconnected()))
            return
        self._request_number += 1
        number = b"%d" % self._request_number
        deadline = self._loop.time() + seconds
        self._waiting[number] = _Waiting(on_reply, deadline, subject, seconds)
        inbox = b"%b.%b" % (self._inbox.encode(), number)
        self.client.publish_direct(subject.encode(), payload, inbox, headers)

    async def call(
        self, subject: str, payload: bytes, seconds: float = 0, headers: bytes | None = None
    ) -> Reply:
        """Send and await the answer. Raises Disconnected, NoResponders or RequestTimeout.

        Cancelling is safe: a later answer is dropped.
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

    async def flush(self) -> None:
        """Return when the server has seen all that was sent before. Raises nats errors."""
        await self.client.flush()

    async def drain(self) -> None:
        """Let what is in flight end, then close; gives up after 3 s and closes anyway."""
        self._closing = True
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.client.drain()
        except Exception as error:  # NATS may be away: closing is all that is left
            log.warning("bus_drain_cut_short", error=type(error).__name__)
            await self.client.close()
        for task in tuple(self._tasks):
            task.cancel()

    async def _connect(self) -> None:
        settings = self.settings
        told = False
        while True:
            try:
                await self.client.connect(
                    servers=[url.strip() for url in settings.nats_url.split(",")],
                    name=f"{settings.prefix}-{self.name}",
                    user_credentials=settings.nats_credentials or None,
                    ping_interval=settings.ping_seconds,  # type: ignore[arg-type]  # any number does
                    max_outstanding_pings=2,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=CONNECT_WAIT_SECONDS,
                    allow_reconnect=True,
                    error_cb=self._handle_error,
                    disconnected_cb=self._handle_disconnect,
                    reconnected_cb=self._handle_reconnect,
                )
                return
            except (OSError, asyncio.TimeoutError, Exception) as error:  # noqa: BLE001
                if not told:
                    log.warning("nats_unreachable", error=str(error) or type(error).__name__)
                    told = True
                self.client = DirectClient()
                await asyncio.sleep(CONNECT_WAIT_SECONDS)

    def _handle_reply(
        self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        number = subject.rpartition(b".")[2]
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return
        if headers is not None and not payload and status(headers) == NO_RESPONDERS:
            waiting.on_reply(Reply(b"", headers, NoResponders(waiting.subject)))
        else:
            waiting.on_reply(Reply(payload, headers, None))

    async def _sweep_requests(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self._loop.time()
            late = [number for number, one in self._waiting.items() if one.deadline <= now]
            for number in late:
                one = self._waiting.pop(number, None)
                if one is not None:
                    one.on_reply(Reply(b"", None, RequestTimeout(one.subject, one.seconds)))

    async def _watch_half_open(self) -> None:
        """Abort the old socket while reconnecting: nats-py waits for it (nats.py#671)."""
        while True:
            await asyncio.sleep(0.5)
            transport: Any = getattr(self.client, "_transport", None)
            writer = getattr(transport, "_io_writer", None)
            if self.client._status == Client.RECONNECTING and writer is not None:
                writer.transport.abort()

    async def _handle_error(self, error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            self.permission_errors += 1
        log.warning("nats_error", error=str(error) or type(error).__name__)

    async def _handle_disconnect(self) -> None:
        if not self._closing:
            log.warning("nats_disconnected")
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.on_reply(Reply(b"", None, Disconnected()))

    async def _handle_reconnect(self) -> None:
        self.reconnects += 1
        log.info("nats_reconnected", reconnects=self.reconnects)
        for callback in self.on_reconnect:
            callback()

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        task = asyncio.ensure_future(work)
        task.set_name(name)  # type: ignore[attr-defined]
        self._tasks.add(task)  # type: ignore[arg-type]
        task.add_done_callback(self._tasks.discard)  # type: ignore[arg-type]
