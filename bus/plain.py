"""The same client with nats-py's own delivery: a queue, a task and a Msg object a subscription.

Used where this nats-py is another than direct.py was tried with, and with NATS_DIRECT=0.
"""

from collections.abc import Mapping
from typing import Any

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header

from bus.direct import DirectSubscription, OnMessage
from bus.steady import SteadyClient


class PlainSubscription(DirectSubscription):
    """A handle on nats-py's subscription."""

    __slots__ = ("inner",)

    inner: Subscription


class PlainClient(SteadyClient):
    """What DirectClient is, several times slower, by what nats-py itself does."""

    def __init__(self) -> None:
        super().__init__()
        self._handles: dict[int, DirectSubscription] = {}

    def subscribe_direct(
        self, subject: str, on_message: OnMessage, queue: str = ""
    ) -> DirectSubscription:
        """Subscribe at once; the callback runs in the subscription's task."""

        async def deliver(msg: Msg) -> None:
            headers = None if msg.headers is None else header_block(msg.headers)
            try:
                on_message(msg.subject.encode(), msg.reply.encode(), msg.data, headers)
            except Exception:  # noqa: BLE001 - the owner's fault must not end the reading
                self.callback_errors.exception(subject=subject)

        self._sid += 1
        handle = PlainSubscription(self._sid, subject, queue, on_message)
        handle.inner = Subscription(self, self._sid, subject, queue=queue, cb=deliver)
        handle.inner._start(self._error_cb)  # type: ignore[no-untyped-call]
        self._subs[self._sid] = handle.inner
        self._handles[self._sid] = handle
        self.enqueue(b"SUB %s %s %d\r\n" % (subject.encode(), queue.encode(), self._sid))
        return handle

    def direct_subscriptions(self) -> list[DirectSubscription]:
        """Return those made by subscribe_direct."""
        return list(self._handles.values())

    def quiet_direct(self, subscription: DirectSubscription) -> None:
        """Ask for no more messages; those that are on their way still call back."""
        self.enqueue(b"UNSUB %d\r\n" % subscription._id)

    def unsubscribe_direct(self, subscription: DirectSubscription) -> None:
        """End a subscription; no callback comes after this."""
        self._handles.pop(subscription._id, None)
        inner = self._subs.pop(subscription._id, None)
        if inner is not None:
            inner._closed = True
            inner._stop_processing()
            self.enqueue(b"UNSUB %d\r\n" % subscription._id)

    async def handled(self, subscription: DirectSubscription) -> None:
        """Return when what was received for the subscription has called back."""
        assert isinstance(subscription, PlainSubscription)
        await subscription.inner._pending_queue.join()


def header_block(headers: Mapping[str, Any]) -> bytes:
    """Return nats-py's dict as the block that it came in, the status on the first line."""
    status = headers.get(Header.STATUS, "")
    words = headers.get(Header.DESCRIPTION, "")
    first = " ".join(part for part in ("NATS/1.0", status, words) if part)
    lines = [
        f"{name}: {value}\r\n"
        for name, value in headers.items()
        if name not in (Header.STATUS, Header.DESCRIPTION)
    ]
    return f"{first}\r\n{''.join(lines)}\r\n".encode()
