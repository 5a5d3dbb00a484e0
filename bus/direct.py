"""nats-py with direct delivery: no queue, no task, no Msg object per message.

A subscription costs 0.3 KB and 2 us instead of 5 KB and 19 us, a message 2 us instead of 7 to
19. It replaces nats-py's parser and one method of its client; `can_deliver_directly` compares
the signatures it relies on, and tests/bus/test_direct.py runs all of nats-py that we use on it.
"""

import inspect
import json
from asyncio import StreamReader
from collections.abc import Callable
from functools import partial
from typing import Any

from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from bus.steady import SteadyClient

# subject, reply, payload, raw header block or None. Must not block; what it raises is counted.
OnMessage = Callable[[bytes, bytes, bytes, bytes | None], None]

MAX_LINE_BYTES = 1 << 20  # an INFO line of a large cluster has some KB
MAX_MESSAGE_BYTES = 65 << 20  # nats-server allows a max_payload of 64 MiB
_CR_LF = b"\r\n"
_M, _H = ord("M"), ord("H")


class DirectSubscription:
    """One subscription: what nats-py reads on reconnect, close and drain, and the callback."""

    __slots__ = ("_id", "_queue", "_subject", "on_message")

    _max_msgs = 0
    _received = 0
    _closed = False
    _pending_size = 0
    _cb = None
    _future = None
    _jsi = None
    _wait_for_msgs_task: Any = None
    _message_iterator = None
    _pending_next_msgs_calls = None
    _pending_queue: Any = None

    def __init__(self, sid: int, subject: str, queue: str, on_message: OnMessage) -> None:
        self._id = sid
        self._subject = subject
        self._queue = queue
        self.on_message = on_message

    def _stop_processing(self) -> None:
        """Nothing runs for this subscription."""

    async def _drain(self) -> None:
        """Nothing is queued for this subscription."""


class DirectParser(Parser):
    """nats-py's parser interface over offsets into one bytes object.

    `feed` takes messages inside the socket's own callback, without nats-py's reading task; what
    else comes, and all that comes while that is handled, goes through the task, in order.
    """

    def reset(self) -> None:
        """Begin with a new connection; what an unfinished `parse` still holds is void."""
        super().reset()
        self.rest = b""
        self.connection = object()
        self._parsing = False

    def read_from(self, reader: StreamReader) -> None:
        """Take what comes to this connection's reader as soon as it comes."""
        feed = partial(self.feed, reader, reader.feed_data, self.connection)
        reader.feed_data = feed  # type: ignore[method-assign]

    def feed(
        self,
        reader: StreamReader,
        to_task: Callable[[bytes], None],
        connection: object,
        data: bytes,
    ) -> None:
        """Take whole messages; give the reading task what begins with something else."""
        client = self.nc
        ended = client.is_closed or client.is_reconnecting or self.connection is not connection
        if ended or self._parsing or reader._buffer:  # type: ignore[attr-defined]
            to_task(data)
            return
        client._pings_outstanding = 0
        buffer = self.rest + data if self.rest else bytes(data)
        position, understood = self._take_messages(buffer, 0)
        if understood:
            self.rest = buffer[position:]
        else:
            self.rest = b""
            to_task(buffer[position:])

    async def parse(self, data: bytes = b"") -> None:
        """Take whole protocol lines and messages; keep the unfinished tail.

        Raises ProtocolError for what no NATS server sends.
        """
        buffer = self.rest + data if self.rest else bytes(data)
        connection = self.connection
        self.nc._pings_outstanding = 0  # whoever sends is alive
        self._parsing = True
        try:
            position = await self._parse(buffer, connection)
        except (ValueError, IndexError) as error:
            raise ProtocolError(f"nats: not understood: {error}") from None
        finally:
            if self.connection is connection:
                self._parsing = False
        if self.connection is connection:
            self.rest = buffer[position:]

    async def _parse(self, buffer: bytes, connection: object) -> int:
        """Handle all that is whole and return where the rest begins."""
        position, understood = self._take_messages(buffer, 0)
        while not understood and self.connection is connection:
            position = await self._handle_other(buffer, position)
            if self.connection is connection:
                position, understood = self._take_messages(buffer, position)
        return position

    def _take_messages(self, buffer: bytes, position: int) -> tuple[int, bool]:
        """Call back for whole messages; return where the rest begins.

        False: what begins there is for `_handle_other`.
        """
        client = self.nc
        subscriptions, stats = client._subs, client.stats
        end, find = len(buffer), buffer.find
        messages = received = 0
        understood = True
        while position < end:
            line_end = find(_CR_LF, position)
            first = buffer[position]
            if line_end < 0 or (first != _M and first != _H):
                understood = line_end < 0 and end - position <= MAX_LINE_BYTES
                break
            words = buffer[position:line_end].split()
            try:
                size, sid = int(words[-1]), int(words[2])
                split = 0 if first == _M else int(words[-2])
            except (ValueError, IndexError):
                understood = False
                break
            body = line_end + 2
            body_end = body + size
            if body_end + 2 > end or size < 0:
                understood = 0 <= size <= MAX_MESSAGE_BYTES
                break
            subscription = subscriptions.get(sid)
            if type(subscription) is not DirectSubscription:
                understood = False
                break
            if first == _M:
                headers = None
                payload = buffer[body:body_end]
                reply = words[3] if len(words) == 5 else b""
            else:
                headers = buffer[body : body + split]
                payload = buffer[body + split : body_end]
                reply = words[3] if len(words) == 6 else b""
            position = body_end + 2
            messages += 1
            received += size
            try:
                subscription.on_message(words[1], reply, payload, headers)
            except Exception:  # noqa: BLE001 - the owner's fault must not end the reading
                client.callback_errors.exception(subject=subscription._subject)
        stats["in_msgs"] += messages
        stats["in_bytes"] += received
        return position, understood

    async def _handle_other(self, buffer: bytes, position: int) -> int:
        """Handle a control line, or a message for nats-py's own; return where the next begins.

        Raises ProtocolError, ValueError or IndexError for what is neither.
        """
        line_end = buffer.find(_CR_LF, position)
        if line_end < 0:
            raise ProtocolError("nats: a line without an end")
        first = buffer[position]
        if first != _M and first != _H:
            await self._handle_control(buffer[position:line_end])
            return line_end + 2
        words = buffer[position:line_end].split()
        size, sid = int(words[-1]), int(words[2])
        if not 0 <= size <= MAX_MESSAGE_BYTES:
            raise ProtocolError(f"nats: a message of {size} bytes")
        body = line_end + 2
        split = body + (0 if first == _M else int(words[-2]))
        headers = None if first == _M else buffer[body:split]
        reply = words[3] if len(words) == (5 if first == _M else 6) else b""
        payload = buffer[split : body + size]
        await self.nc._process_msg(sid, words[1], reply, payload, headers)
        return body + size + 2

    async def _handle_control(self, line: bytes) -> None:
        operation = line[:4].upper()
        if operation == b"PING":
            await self.nc._process_ping()
        elif operation == b"PONG":
            await self.nc._process_pong()
        elif operation == b"-ERR":
            await self.nc._process_err(line[4:].strip().decode("utf-8", "replace").lower())
        elif operation == b"INFO":
            await self.nc._process_info(json.loads(line[5:]))
        elif not line.startswith(b"+OK"):
            raise ProtocolError("nats: unknown protocol")


class DirectClient(SteadyClient):
    """A steady nats-py client with subscriptions that call back inside the socket's read."""

    def __init__(self) -> None:
        super().__init__()
        self._ps: DirectParser = DirectParser(self)

    def subscribe_direct(
        self, subject: str, on_message: OnMessage, queue: str = ""
    ) -> DirectSubscription:
        """Subscribe at once. The subject must be valid: the server cuts off who asks for others."""
        self._sid += 1
        subscription = DirectSubscription(self._sid, subject, queue, on_message)
        subscriptions: dict[int, Any] = self._subs
        subscriptions[self._sid] = subscription
        self.enqueue(b"SUB %s %s %d\r\n" % (subject.encode(), queue.encode(), self._sid))
        return subscription

    def direct_subscriptions(self) -> list[DirectSubscription]:
        """Return those made by subscribe_direct."""
        subscriptions: list[Any] = list(self._subs.values())
        return [one for one in subscriptions if type(one) is DirectSubscription]

    def quiet_direct(self, subscription: DirectSubscription) -> None:
        """Ask for no more messages; those that are on their way still call back."""
        self.enqueue(b"UNSUB %d\r\n" % subscription._id)

    def unsubscribe_direct(self, subscription: DirectSubscription) -> None:
        """End a subscription; no callback comes after this."""
        if self._subs.pop(subscription._id, None) is not None:
            self.enqueue(b"UNSUB %d\r\n" % subscription._id)

    async def handled(self, subscription: DirectSubscription) -> None:
        """Return when what was received for the subscription has called back: it has."""

    async def _read_loop(self) -> None:
        """Read as nats-py does, but for the messages that come without any detour."""
        reader = getattr(self._transport, "_io_reader", None)
        if isinstance(reader, StreamReader):
            self._ps.read_from(reader)
        await super()._read_loop()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        subscription: Any = self._subs.get(sid)
        if type(subscription) is DirectSubscription:
            subscription.on_message(subject, reply, data, headers)
            return
        await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]


def can_deliver_directly() -> bool:
    """Tell whether this nats-py has the two methods that are replaced, as they were tried."""
    message = list(inspect.signature(Client._process_msg).parameters)
    parse = list(inspect.signature(Parser.parse).parameters)
    return message == ["self", "sid", "subject", "reply", "data", "headers"] and parse == [
        "self",
        "data",
    ]
