"""EDGE messages by sequence: direct gets on one inbox, so many at a time, each only once.

Who asks for a message that is being read already gets that answer too. A replica that lags does
not know the newest messages yet, so the stream's leader is asked before one counts as gone.
"""

import asyncio
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from json import loads

from bus.connection import Bus, Reply
from bus.errors import BusError, RequestTimeout, StreamApiRefused
from schemas.headers import SUBJECT, TIME, encode_headers, status
from store.cache import Key, MessageCache
from store.message import encode_message, push_head

MOST_IN_FLIGHT = 1024  # gets sent and not answered; nats-server answers 50,000 a second
GET_SECONDS = 1.5  # then it is asked again: the server that had the question may be gone
MOST_ATTEMPTS = 3
NOT_FOUND = 404
MESSAGE_NOT_FOUND = 10037  # err_code of nats-server


class _Batch:
    """One caller's messages and how many of them are missing."""

    __slots__ = ("future", "left", "messages")

    def __init__(self, count: int, future: "asyncio.Future[None]") -> None:
        self.messages: list[bytes | None] = [None] * count
        self.left = count
        self.future = future

    def settle(self, place: int, message: bytes | None) -> None:
        self.messages[place] = message
        self.left -= 1
        if self.left == 0 and not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class MessageReader:
    """Reads stored messages as encoded StoredMessage."""

    def __init__(self, bus: Bus, cache: MessageCache) -> None:
        self.cache = cache
        self.read_messages = 0  # got from a stream
        self.shared = 0  # asked for while being read
        self.gone = 0  # not in the stream any more
        self.unreadable = 0
        self.errors = 0
        self._bus = bus
        self._head = push_head(bus.subjects)
        self._waiting: dict[Key, list[tuple[_Batch, int]]] = {}
        self._queue: deque[Key] = deque()
        self._in_flight = 0
        self._now = asyncio.get_running_loop().time

    async def read(self, wanted: Sequence[Key]) -> list[bytes | None]:
        """Return the messages in the order asked, None for one that is not there any more.

        Raises BusError when one of them could not be read. Cancelling is safe.
        """
        batch = _Batch(len(wanted), asyncio.get_running_loop().create_future())
        now = self._now()
        for place, key in enumerate(wanted):
            message = self.cache.get(key, now)
            if message is not None:
                batch.settle(place, message)
            elif waiting := self._waiting.get(key):
                self.shared += 1
                waiting.append((batch, place))
            else:
                self._waiting[key] = [(batch, place)]
                self._queue.append(key)
        self._send_queued()
        if batch.left:
            await batch.future
        return batch.messages

    def _send_queued(self) -> None:
        while self._queue and self._in_flight < MOST_IN_FLIGHT:
            key = self._queue.popleft()
            self._in_flight += 1
            self._get(key, 1)

    def _get(self, key: Key, attempt: int) -> None:
        self._request("DIRECT.GET", key, partial(self._handle_direct, key, attempt))

    def _request(self, verb: str, key: Key, on_reply: Callable[[Reply], None]) -> None:
        subject = f"$JS.API.{verb}.{key[0]}"
        self._bus.request(subject, b'{"seq":%d}' % key[1], on_reply, GET_SECONDS)

    def _handle_direct(self, key: Key, attempt: int, reply: Reply) -> None:
        code = status(reply.headers)
        if isinstance(reply.error, RequestTimeout) and attempt < MOST_ATTEMPTS:
            self._get(key, attempt + 1)
        elif reply.error is not None:
            self._fail(key, reply.error)
        elif code == NOT_FOUND:
            self._request("STREAM.MSG.GET", key, partial(self._handle_leader, key))
        elif code or reply.headers is None:
            words = f"direct get answered {code}"
            self._fail(key, StreamApiRefused(f"DIRECT.GET.{key[0]}", code, words))
        else:
            self._settle(key, reply.headers, reply.payload)

    def _handle_leader(self, key: Key, reply: Reply) -> None:
        if reply.error is not None:
            self._fail(key, reply.error)
            return
        try:
            answer = loads(reply.payload)
            error = answer.get("error", {})
            message = answer.get("message", {})
            headers = _headers_of(message) if message else b""
            payload = b64decode(message.get("data", ""))
        except (ValueError, AttributeError, TypeError):
            self._fail(key, StreamApiRefused(f"STREAM.MSG.GET.{key[0]}", 0, "unreadable answer"))
            return
        if error.get("err_code") == MESSAGE_NOT_FOUND:
            self.gone += 1
            self._finish(key, None)
        elif error or not message:
            words = error.get("description", "no message")
            code = error.get("err_code", 0)
            self._fail(key, StreamApiRefused(f"STREAM.MSG.GET.{key[0]}", code, words))
        else:
            self._settle(key, headers, payload)

    def _settle(self, key: Key, headers: bytes, payload: bytes) -> None:
        message = encode_message(self._head, key[1], headers, payload)
        if message is None:
            self.unreadable += 1
        else:
            self.read_messages += 1
            self.cache.put(key, message, self._now())
        self._finish(key, message)

    def _finish(self, key: Key, message: bytes | None) -> None:
        self._in_flight -= 1
        for batch, place in self._waiting.pop(key, ()):
            batch.settle(place, message)
        self._send_queued()

    def _fail(self, key: Key, error: Exception) -> None:
        self.errors += 1
        self._in_flight -= 1
        if not isinstance(error, BusError):
            error = StreamApiRefused(key[0], 0, str(error))
        for batch, _ in self._waiting.pop(key, ()):
            batch.fail(error)
        self._send_queued()


def _headers_of(message: dict[str, str | int]) -> bytes:
    """Return the headers a direct get would give for a message in the leader's JSON."""
    own = b64decode(str(message.get("hdrs", "")))
    block = encode_headers({SUBJECT: str(message["subject"]), TIME: str(message["time"])})
    return own[:-2] + block[block.index(b"\r\n") + 2 :] if own else block
