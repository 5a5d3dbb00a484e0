"""DECIDE which request an answer belongs to, and which ones get none. Time is an argument."""

from collections.abc import Callable
from typing import NamedTuple

from bus.errors import NoResponders, PublishRefused, RequestTimeout
from bus.logs import RareLog
from schemas.headers import status

NO_RESPONDERS = 503  # status of a reply when nobody listens (NATS protocol)


class Reply(NamedTuple):
    """The answer to a request, or why there is none (`error` set, payload empty)."""

    payload: bytes
    headers: bytes | None
    error: Exception | None


OnReply = Callable[[Reply], None]


class _Waiting(NamedTuple):
    on_reply: OnReply
    deadline: float
    subject: str
    seconds: float


class Requests:
    """Requests that were sent and are not answered. Each is settled exactly once."""

    def __init__(self) -> None:
        self.timeouts = 0
        self.no_responders = 0
        self.late_replies = 0  # after the deadline, or a second answer
        self.callback_errors = RareLog("reply_callback_raised")
        self._waiting: dict[bytes, _Waiting] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, on_reply: OnReply, subject: str, now: float, seconds: float) -> bytes:
        """Note a request and return the token that its answer must carry."""
        self._number += 1
        token = b"%d" % self._number
        self._waiting[token] = _Waiting(on_reply, now + seconds, subject, seconds)
        return token

    def handle_reply(self, token: bytes, payload: bytes, headers: bytes | None) -> None:
        """Settle the request that this answers."""
        waiting = self._waiting.pop(token, None)
        if waiting is None:
            self.late_replies += 1
        elif headers is not None and not payload and status(headers) == NO_RESPONDERS:
            self.no_responders += 1
            self._settle(waiting, Reply(b"", headers, NoResponders(waiting.subject)))
        else:
            self._settle(waiting, Reply(payload, headers, None))

    def expire(self, now: float) -> None:
        """Settle those whose deadline has passed."""
        late = [token for token, waiting in self._waiting.items() if waiting.deadline <= now]
        for token in late:
            waiting = self._waiting.pop(token, None)
            if waiting is not None:
                self.timeouts += 1
                error = RequestTimeout(waiting.subject, waiting.seconds)
                self._settle(waiting, Reply(b"", None, error))

    def handle_refusal(self, violation: str) -> None:
        """Settle the oldest request whose subject the server will not let us publish to."""
        for token, waiting in self._waiting.items():
            if f'publish to "{waiting.subject.lower()}"' in violation:
                del self._waiting[token]
                self._settle(waiting, Reply(b"", None, PublishRefused(waiting.subject)))
                return

    def fail_all(self, error: Exception) -> None:
        """Settle all of them."""
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            self._settle(one, Reply(b"", None, error))

    def fail(self, on_reply: OnReply, subject: str, error: Exception) -> None:
        """Settle one that was never sent."""
        self._settle(_Waiting(on_reply, 0, subject, 0), Reply(b"", None, error))

    def _settle(self, waiting: _Waiting, reply: Reply) -> None:
        try:
            waiting.on_reply(reply)
        except Exception:  # noqa: BLE001 - the asker's fault must not end the reading
            self.callback_errors.exception(subject=waiting.subject)
