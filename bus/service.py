"""Serve requests on NATS as a micro service: protobuf or JSON in, the same out, errors as data.

Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` (NATS ADR-32), so `nats micro ls` shows it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from json import dumps
from secrets import token_hex
from typing import Any, TypeVar

import structlog
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import DecodeError, Message

from bus.connection import Bus
from bus.direct import DirectSubscription
from bus.errors import BusError, RpcError

log = structlog.get_logger()

BAD_REQUEST = 400
INTERNAL_ERROR = 500
UNAVAILABLE = 503

Request = TypeVar("Request", bound=Message)
RawHandler = Callable[[bytes, bytes, bytes | None, Callable[[bytes], None]], None]


@dataclass(slots=True)
class Endpoint:
    """One subject that is served, and its counters."""

    name: str
    subject: str
    queue: str
    requests: int = 0
    errors: int = 0
    last_error: str = ""
    seconds: float = 0.0
    subscription: DirectSubscription | None = None


class Service:
    """A named set of endpoints on one Bus."""

    def __init__(self, bus: Bus, name: str, version: str, description: str) -> None:
        self.bus = bus
        self.name = f"{bus.subjects.prefix}-{name}"  # two systems may share a NATS
        self.version = version
        self.description = description
        self.id = token_hex(8)
        self.endpoints: list[Endpoint] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._monitors: list[DirectSubscription] = []
        self._started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def start(self) -> None:
        """Begin to answer `$SRV` requests; endpoints answer from when they are added."""
        for verb in ("PING", "INFO", "STATS"):
            for tail in ("", f".{self.name}", f".{self.name}.{self.id}"):
                subject = f"$SRV.{verb}{tail}"
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

        `reply_type` must have an `error` field (schemas Error) if the handler may raise
        RpcError; anything else it raises is answered with 500 and no detail.
        """
        entry = self._add(endpoint, subject, queue)

        def handle(subject_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            entry.requests += 1
            work = self._answer(entry, request_type, reply_type, handler, reply, payload)
            task = asyncio.ensure_future(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        entry.subscription = self.bus.subscribe(subject, handle, queue)

    def serve_raw(self, endpoint: str, subject: str, handler: RawHandler, queue: str = "q") -> None:
        """Answer by `handler(subject, payload, headers, answer)`, called at once; for hot paths.

        It calls `answer(bytes)` once, now or later. It must not raise.
        """
        entry = self._add(endpoint, subject, queue)

        def handle(subject_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            entry.requests += 1
            handler(subject_, payload, headers, lambda data: self._send(reply, data))

        entry.subscription = self.bus.subscribe(subject, handle, queue)

    async def stop(self) -> None:
        """Take no more requests and finish those that run."""
        for entry in self.endpoints:
            if entry.subscription is not None:
                self.bus.unsubscribe(entry.subscription)
        for monitor in self._monitors:
            self.bus.unsubscribe(monitor)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3)

    def _add(self, endpoint: str, subject: str, queue: str) -> Endpoint:
        entry = Endpoint(endpoint, subject, queue)
        self.endpoints.append(entry)
        return entry

    async def _answer(
        self,
        entry: Endpoint,
        request_type: type[Request],
        reply_type: type[Message],
        handler: Callable[[Request], Awaitable[Message]],
        reply: bytes,
        payload: bytes,
    ) -> None:
        started = time.perf_counter()
        as_json = payload[:1] == b"{"
        try:
            answer = await handler(decode_request(request_type, payload))
        except RpcError as error:
            entry.errors += 1
            entry.last_error = str(error)
            answer = _error_reply(reply_type, error.code, error.message, error.retry)
        except BusError as error:
            entry.errors += 1
            entry.last_error = str(error)
            answer = _error_reply(reply_type, UNAVAILABLE, str(error), "later")
        except Exception as error:
            entry.errors += 1
            entry.last_error = type(error).__name__
            log.exception("request_failed", endpoint=entry.name)
            answer = _error_reply(reply_type, INTERNAL_ERROR, "an error on our side", "later")
        entry.seconds += time.perf_counter() - started
        self._send(reply, encode_reply(answer, as_json))

    def _send(self, reply: bytes, data: bytes) -> None:
        if not reply:
            return
        try:
            self.bus.publish(reply.decode(), data)
        except BusError as error:
            log.warning("answer_lost", error=str(error))

    def _handle_monitor(
        self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        verb = subject.split(b".")[1].decode()
        base: dict[str, Any] = {"name": self.name, "id": self.id, "version": self.version}
        base["metadata"] = {}
        base["type"] = f"io.nats.micro.v1.{verb.lower()}_response"
        if verb == "INFO":
            base["description"] = self.description
            base["endpoints"] = [
                {"name": one.name, "subject": one.subject, "queue_group": one.queue, "metadata": {}}
                for one in self.endpoints
            ]
        elif verb == "STATS":
            base["started"] = self._started
            base["endpoints"] = [_statistics(one) for one in self.endpoints]
        self._send(reply, dumps(base).encode())


def decode_request(request_type: type[Request], payload: bytes) -> Request:
    """Return the message in binary protobuf or, when it begins with `{`, in JSON.

    Raises RpcError 400.
    """
    try:
        if payload[:1] == b"{":
            return Parse(payload, request_type(), ignore_unknown_fields=True)
        request = request_type()
        request.ParseFromString(payload)
        return request
    except (ParseError, DecodeError, UnicodeDecodeError, RecursionError):
        name = request_type.DESCRIPTOR.name
        raise RpcError(BAD_REQUEST, f"the request is no {name}, in protobuf or JSON") from None


def encode_reply(message: Message, as_json: bool) -> bytes:
    """Return the message as JSON (protobuf's mapping, field names as in the schema) or binary."""
    if as_json:
        text: str = MessageToJson(message, preserving_proto_field_name=True, indent=None)
        return text.encode()
    return message.SerializeToString()


def _error_reply(reply_type: type[Message], code: int, words: str, retry: str) -> Message:
    answer = reply_type()
    error: Any = getattr(answer, "error", None)
    if error is not None:
        error.code, error.message, error.retry = code, words, retry
    return answer


def _statistics(entry: Endpoint) -> dict[str, Any]:
    nanoseconds = int(entry.seconds * 1e9)
    return {
        "name": entry.name,
        "subject": entry.subject,
        "queue_group": entry.queue,
        "num_requests": entry.requests,
        "num_errors": entry.errors,
        "last_error": entry.last_error,
        "processing_time": nanoseconds,
        "average_processing_time": nanoseconds // entry.requests if entry.requests else 0,
    }
