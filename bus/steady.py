"""nats-py's client, kept steady when NATS is slow, frozen, refuses us or is gone.

Each override replaces what nats-py 2.16 does for a reason that its docstring tells. None of them
is needed by nats-py itself: requests, JetStream and KV work on it as before (tests/bus).
"""

import asyncio
from typing import Any

from nats.aio.client import Client, Srv
from nats.errors import ConnectionClosedError, Error, FlushTimeoutError

from bus.logs import RareLog

CONNECT_SECONDS = 2.0  # for a server to answer before the next one is tried
RECONNECT_SECONDS = 0.2  # between two tries of one server
MISSED_PINGS = 2
FLUSH_SECONDS = 10.0
NO_LIMIT_BYTES = 2**40  # Bus bounds what goes out; nats-py's way would block its own reading
_CR_LF = b"\r\n"


class SteadyClient(Client):
    """A nats-py client that never closes by itself and sends in the order it was told to."""

    def __init__(self) -> None:
        super().__init__()
        self.callback_errors = RareLog("subscription_callback_raised")
        self.unsent_publishes = 0  # queued when the connection broke, or told after it
        self.published_messages = 0  # by publish_direct
        self.published_bytes = 0

    @property
    def queued_bytes(self) -> int:
        """What is to be sent and not yet handed to the socket."""
        return self._pending_data_size

    def publish_direct(
        self, subject: bytes, payload: bytes, reply: bytes, headers: bytes | None
    ) -> None:
        """Queue a message for the next flush; while disconnected it is dropped and counted.

        Bus.publish is for everyone else: it refuses what would make the server cut us off.
        """
        if headers is None:
            command = b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(payload), payload)
        else:
            size = len(headers)
            sizes = (subject, reply, size, size + len(payload))
            command = b"HPUB %b %b %d %d\r\n" % sizes + headers + payload + _CR_LF
        if self.enqueue(command):
            self.published_messages += 1
            self.published_bytes += len(payload)
        else:
            self.unsent_publishes += 1

    def enqueue(self, command: bytes) -> bool:
        """Append to what goes out, one flush for all of a loop turn; False while disconnected.

        Subscriptions need no queue then: nats-py sends all that there are when it is back.
        """
        if self._status != Client.CONNECTED and not self.is_draining:
            return False
        self._pending.append(command)
        self._pending_data_size += len(command)
        queue = self._flush_queue
        if queue is not None and queue.empty():
            queue.put_nowait(asyncio.get_running_loop().create_future())
        return True

    def abort_connection(self) -> None:
        """Drop the socket at once, and what waits to be sent with it."""
        writer: Any = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    async def flush(self, timeout: float = FLUSH_SECONDS) -> None:
        """Return when the server has handled all that was queued before.

        Raises nats.errors FlushTimeoutError or ConnectionClosedError; nats-py's returns in
        peace when there is nobody to answer.
        """
        if not self.is_connected:
            raise ConnectionClosedError
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await self._send_ping(future)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            raise FlushTimeoutError from None

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        """Ping behind what is queued: nats-py's overtakes it, so its flush proves nothing."""
        if future is None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()  # nobody awaits the regular ping
        self._pongs.append(future)
        self.enqueue(b"PING\r\n")

    async def _process_pong(self) -> None:
        """Settle the oldest ping, whose waiter may be gone: nats-py stops reading then."""
        self._pongs_received += 1
        self._pings_outstanding = 0
        if self._pongs:
            future = self._pongs.pop(0)
            if not future.done():
                future.set_result(True)

    async def _process_ping(self) -> None:
        """Answer without waiting: nats-py's reading waits for a full socket here."""
        self.enqueue(b"PONG\r\n")

    async def _process_err(self, err_msg: str) -> None:
        """Report; nats-py closes for good. When the server closes too, the end of file tells."""
        self._err = Error("nats: " + err_msg.strip("'"))
        await self._error_cb(self._err)

    async def _connect_to_server(self, s: Srv) -> None:
        """Leave nothing of a former try: nats-py lets its socket and its tasks live on."""
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None:
                task.cancel()
        self.abort_connection()
        self._ps.reset()
        await super()._connect_to_server(s)

    async def _attempt_reconnect(self) -> None:
        """Reconnect whatever happens.

        nats-py waits for the old socket to close, which a frozen peer never does (nats.py#671),
        sends what was queued long after its senders were told, and gives up at a strange answer.
        """
        while True:
            self.abort_connection()
            self._drop_queued()
            try:
                await super()._attempt_reconnect()
            except Exception as error:  # noqa: BLE001 - a garbled greeting: any kind
                self._status = Client.RECONNECTING
                await self._error_cb(error)
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                return

    def _drop_queued(self) -> None:
        """Forget what was queued; subscriptions are replayed, those who flush get an error."""
        dropped, self._pending, self._pending_data_size = self._pending, [], 0
        self.unsent_publishes += sum(one.startswith((b"PUB ", b"HPUB ")) for one in dropped)
        pongs, self._pongs = self._pongs, []
        for future in pongs:
            if not future.done():
                future.set_exception(ConnectionClosedError())
