"""Serve requests on NATS as a micro service: protobuf or JSON in, the same out, errors as data.

Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` (micro.py), so `nats micro ls` shows it. An
answer that says no has it twice: in its `error` field, and in the headers of NATS ADR-32.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from secrets import token_hex
from typing import Any, TypeVar

import structlog
from google.protobuf.message import Message

from bus.codec import decode_request, encodable, encode_reply, error_headers
from bus.connection import Bus
from bus.direct import DirectSubscription
from bus.errors import BusError, PayloadTooLarge, RpcError
from bus.logs import RareLog
from bus.metrics import Reading
from bus.micro import Description, Endpoint

log = structlog.get_logger()

BUSY = 429
INTERNAL_ERROR = 500
UNAVAILABLE = 503
MAX_REQUESTS = 10_000  # under way at once, in one service
STOP_SECONDS = 3.0
NO_RESPONDERS = b"NATS/1.0 503"  # an empty answer must not pass for an empty message
# The stable words of refusals that have none of their own (docs/api.md).
REASONS = {400: "bad_field", 413: "too_large", 429: "busy", 500: "internal", 503: "unavailable"}
FAILURE = RpcError(INTERNAL_ERROR, "an error on our side", "later", "internal")

Request = TypeVar("Request", bound=Message)
RawHandler = Callable[[bytes, bytes, bytes | None, Callable[[bytes], None]], None]
Handler = Callable[[Any], Awaitable[Message]]
Answer = Callable[[Message], None]


class Service:
    """A named set of endpoints on one Bus.

    It is listed as `<prefix>-<name>`: two systems may share a NATS.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        version: str,
        description: str,
        max_requests: int = MAX_REQUESTS,
    ) -> None:
        self.bus = bus
        listed_name = f"{bus.subjects.prefix}-{name}"
        self.about = Description(listed_name, token_hex(8), version, description)
        self.max_requests = max_requests
        self.active = 0  # requests under way
        self._tasks: set[asyncio.Task[None]] = set()
        self._monitors: list[DirectSubscription] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._lost_log = RareLog("answer_lost")

    @property
    def name(self) -> str:
        """The service's name, as `nats micro ls` lists it."""
        return self.about.name

    @property
    def id(self) -> str:
        """What tells this process from others that serve the same."""
        return self.about.id

    @property
    def version(self) -> str:
        """The version that it was made with."""
        return self.about.version

    @property
    def description(self) -> str:
        """What it does, in words."""
        return self.about.description

    @property
    def endpoints(self) -> list[Endpoint]:
        """What is served, and the counters."""
        return self.about.endpoints

    def start(self) -> None:
        """Begin to answer `$SRV` requests; endpoints answer from when they are added."""
        for subject in self.about.subjects():
            self._monitors.append(self.bus.subscribe(subject, self._handle_monitor))

    def serve(
        self,
        endpoint: str,
        subject: str,
        request_type: type[Request],
        reply_type: type[Message],
        handler: Callable[[Request], Awaitable[Message]],
        queue: str = "q",
    ) -> None:
        """Answer requests with `await handler(request)`, each in its own task.

        What it raises becomes the reply's `error` field (schemas Error): an RpcError as it is, a
        BusError as 503 "later", anything else as 500 without detail; with `max_requests` under
        way a request is answered with 429 "later". Where `reply_type` has no such field, the
        asker hears that there are no responders.
        """
        entry = self._add(endpoint, subject, queue)

        def handle(_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            entry.requests += 1
            if self.active >= self.max_requests:
                entry.refused += 1
                refusal = RpcError(BUSY, f"{self.active} requests are under way", "later", "busy")
                self._refuse(entry, reply, refusal, reply_type, payload[:1] == b"{")
                return
            self._begin(entry)
            work = self._work(entry, request_type, reply_type, handler, reply, payload)
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        entry.subscription = self.bus.subscribe(subject, handle, queue)

    def serve_raw(
        self,
        endpoint: str,
        subject: str,
        handler: RawHandler,
        queue: str = "q",
        reply_type: type[Message] | None = None,
    ) -> None:
        """Answer by `handler(subject, payload, headers, answer)`, called at once; for hot paths.

        It calls `answer(bytes)` once, now or later. What it raises, or an answer that it lets
        go of, is answered with 500; with `max_requests` under way it is not called: 429. Both
        are told in the `error` field of `reply_type`; without that, the asker hears that there
        are no responders.
        """
        entry = self._add(endpoint, subject, queue)

        def handle(subject_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            entry.requests += 1
            if self.active >= self.max_requests:
                entry.refused += 1
                refusal = RpcError(BUSY, f"{self.active} requests are under way", "later", "busy")
                self._refuse(entry, reply, refusal, reply_type, payload[:1] == b"{")
                return
            answer = _RawAnswer(self, entry, reply, reply_type, payload[:1] == b"{")
            self._begin(entry)
            try:
                handler(subject_, payload, headers, answer)
            except Exception:
                log.exception("request_failed", endpoint=entry.name)
                answer.fail()

        entry.subscription = self.bus.subscribe(subject, handle, queue)

    def serve_callback(
        self,
        endpoint: str,
        subject: str,
        request_type: type[Request],
        reply_type: type[Message],
        handler: Callable[[Request, Answer], None],
        queue: str = "q",
    ) -> None:
        """Answer by `handler(request, answer)`, called at once, without a task; for hot paths.

        It calls `answer(reply)` once, now or later. What it raises becomes the reply's `error`
        field, as with `serve`; an answer that it lets go of is a 500.
        """

        def handle(
            _: bytes, payload: bytes, __: bytes | None, answer: Callable[[bytes], None]
        ) -> None:
            assert isinstance(answer, _RawAnswer)
            try:
                handler(decode_request(request_type, payload), answer.send)
            except RpcError as error:
                answer.refuse(error)
            except BusError as error:
                answer.refuse(RpcError(UNAVAILABLE, str(error), "later", "unavailable"))

        self.serve_raw(endpoint, subject, handle, queue, reply_type)

    async def stop(self) -> None:
        """Take no more requests, and answer those that came; gives up after 3 s.

        Other members of the queue group get the requests from the moment this is called.
        """
        served = [entry.subscription for entry in self.endpoints if entry.subscription is not None]
        await self.bus.drain_subscriptions([*self._monitors, *served])
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log.warning("requests_cut_short", service=self.name, active=self.active)
            for task in tuple(self._tasks):
                task.cancel()

    def readings(self) -> Iterable[Reading]:
        """What a scrape is told."""

        for name, words, kind, value in _READINGS:
            rows: list[tuple[tuple[str, ...], float]]
            rows = [((self.name, one.name), value(one)) for one in self.endpoints]
            yield f"goim_service_{name}", words, kind, ("service", "endpoint"), rows
        lost: list[tuple[tuple[str, ...], float]] = [((self.name,), self._lost_log.count)]
        yield (
            "goim_service_answers_lost",
            "Answers that could not be sent",
            "counter",
            ("service",),
            lost,
        )

    def _add(self, endpoint: str, subject: str, queue: str) -> Endpoint:
        entry = Endpoint(endpoint, subject, queue)
        self.endpoints.append(entry)
        return entry

    def _begin(self, entry: Endpoint) -> None:
        entry.active += 1
        self.active += 1
        self._idle.clear()

    def _end(self, entry: Endpoint, seconds: float) -> None:
        entry.seconds += seconds
        entry.active -= 1
        self.active -= 1
        if self.active == 0:
            self._idle.set()

    async def _work(
        self,
        entry: Endpoint,
        request_type: type[Message],
        reply_type: type[Message],
        handler: Handler,
        reply: bytes,
        payload: bytes,
    ) -> None:
        started = time.perf_counter()
        as_json = payload[:1] == b"{"
        try:
            answer = await handler(decode_request(request_type, payload))
            self._send(reply, encode_reply(answer, as_json), _note_refusal(entry, answer))
        except RpcError as error:
            self._refuse(entry, reply, error, reply_type, as_json)
        except PayloadTooLarge as error:
            log.warning("answer_too_large", endpoint=entry.name, size=error.size)
            refusal = RpcError(INTERNAL_ERROR, "the answer is too large")
            self._refuse(entry, reply, refusal, reply_type, as_json)
        except BusError as error:
            refusal = RpcError(UNAVAILABLE, str(error), "later", "unavailable")
            self._refuse(entry, reply, refusal, reply_type, as_json)
        except asyncio.CancelledError:
            refusal = RpcError(UNAVAILABLE, "the service is stopping", "now", "unavailable")
            self._refuse(entry, reply, refusal, reply_type, as_json)
        except Exception:
            log.exception("request_failed", endpoint=entry.name)
            self._refuse(entry, reply, FAILURE, reply_type, as_json)
        self._end(entry, time.perf_counter() - started)

    def _refuse(
        self,
        entry: Endpoint,
        reply: bytes,
        refusal: RpcError,
        reply_type: type[Message] | None = None,
        as_json: bool = False,
    ) -> None:
        """Answer no, in headers and where the reply can say it in its `error` field."""
        entry.note_error(refusal.code, refusal.message)
        headers = error_headers(refusal.code, refusal.message)
        if reply_type is None or "error" not in reply_type.DESCRIPTOR.fields_by_name:
            headers = headers.replace(b"NATS/1.0", NO_RESPONDERS, 1)
            self._send(reply, b"", headers)
            return
        answer = reply_type()
        error: Any = answer.error  # type: ignore[attr-defined]
        error.code, error.retry = refusal.code, refusal.retry
        error.reason = refusal.reason or REASONS.get(refusal.code, "")
        error.after = refusal.after
        error.message = encodable(refusal.message)
        self._send(reply, encode_reply(answer, as_json), headers)

    def _send(self, reply: bytes, data: bytes, headers: bytes | None = None) -> None:
        """Send an answer. Raises PayloadTooLarge; another failure is counted and logged."""
        if not reply:
            return
        try:
            self.bus.publish(reply.decode("utf-8", "replace"), data, headers=headers)
        except PayloadTooLarge:
            raise
        except BusError as error:
            self._lost_log.warning(service=self.name, error=str(error))

    def _handle_monitor(
        self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        self._send(reply, self.about.answer(subject.split(b".")[1].decode()))


class _RawAnswer:
    """Answers a raw request once."""

    __slots__ = ("_as_json", "_endpoint", "_reply", "_reply_type", "_service", "_started")

    def __init__(
        self,
        service: Service,
        endpoint: Endpoint,
        reply: bytes,
        reply_type: type[Message] | None,
        as_json: bool,
    ) -> None:
        self._service: Service | None = service
        self._endpoint = endpoint
        self._reply = reply
        self._reply_type = reply_type
        self._as_json = as_json
        self._started = time.perf_counter()

    def __call__(self, data: bytes, headers: bytes | None = None) -> None:
        service = self._end()
        if service is None:
            return
        try:
            service._send(self._reply, data, headers)
        except PayloadTooLarge as error:
            log.warning("answer_too_large", endpoint=self._endpoint.name, size=error.size)
            self._refuse(service, RpcError(INTERNAL_ERROR, "the answer is too large"))

    def send(self, message: Message) -> None:
        """Answer with a message, unless it was answered."""
        if self._service is not None:
            headers = _note_refusal(self._endpoint, message)
            self(encode_reply(message, self._as_json), headers)

    def __del__(self) -> None:
        """A handler that let go of this without a word has failed."""
        self.fail()

    def fail(self) -> None:
        """Answer that something is wrong here, unless it was answered."""
        self.refuse(FAILURE)

    def refuse(self, refusal: RpcError) -> None:
        """Answer no, unless it was answered."""
        service = self._end()
        if service is not None:
            self._refuse(service, refusal)

    def _refuse(self, service: Service, refusal: RpcError) -> None:
        service._refuse(self._endpoint, self._reply, refusal, self._reply_type, self._as_json)

    def _end(self) -> Service | None:
        service, self._service = self._service, None
        if service is not None:
            service._end(self._endpoint, time.perf_counter() - self._started)
        return service


def _note_refusal(entry: Endpoint, answer: Message) -> bytes | None:
    """Count an answer with an error in it and return its headers; None for any other."""
    if "error" not in answer.DESCRIPTOR.fields_by_name or not answer.HasField("error"):
        return None
    error: Any = answer.error  # type: ignore[attr-defined]
    entry.note_error(error.code, error.message)
    return error_headers(error.code, error.message)


_READINGS: tuple[tuple[str, str, str, Callable[[Endpoint], float]], ...] = (
    ("requests", "Requests", "counter", lambda one: one.requests),
    ("request_errors", "Answers of no", "counter", lambda one: one.errors),
    ("requests_refused", "Too busy", "counter", lambda one: one.refused),
    ("requests_active", "Under way", "gauge", lambda one: one.active),
    ("request_seconds", "Time at work", "counter", lambda one: one.seconds),
)
