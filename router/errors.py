"""What the router refuses, as data. All of these are answered in a reply's `error` field.

RouterError              bus.errors.RpcError with a stable code
├── RequestRefused       400  the request makes no sense; `why` says what is wrong
├── SendingForbidden     403  nobody may send to rooms of this type
├── OperationRefused     405  a client may send op 4 and ops from 100 on
├── BodyTooLarge         413
├── RateExceeded         429  come back after `seconds`
├── QueueFull            503  more waits to be stored than the limit; nothing was stored
├── NotConfirmed         503  JetStream did not answer in time; it may be stored, or may come to be
├── StorageRefused       503  JetStream refused the message, with its own code and words; 413
│                             where it is over the stream's limit
├── GatewaySilent        503  a gateway that holds keys of the push did not answer
└── PresenceAway         503  Redis can't be reached

A retry with the same message id never stores twice within the stream's duplicate window.
"""

from bus.errors import RpcError
from schemas.close_codes import Retry

BAD_REQUEST = 400
FORBIDDEN = 403
OPERATION_REFUSED = 405
TOO_LARGE = 413
RATE_EXCEEDED = 429
UNAVAILABLE = 503
MESSAGE_TOO_LARGE = 10054  # nats-server's err_code: over the stream's max_msg_size


class RouterError(RpcError):
    """The router refuses a request; `code` is stable, `message` is for people."""


class RequestRefused(RouterError):
    """The request makes no sense."""

    def __init__(self, why: str) -> None:
        super().__init__(BAD_REQUEST, why, Retry.NEVER.value)
        self.why = why


class SendingForbidden(RouterError):
    """The room type's policy lets nobody send."""

    def __init__(self, room_type: str) -> None:
        words = f"nobody may send to rooms of type {room_type!r}"
        super().__init__(FORBIDDEN, words, Retry.NEVER.value)
        self.room_type = room_type


class OperationRefused(RouterError):
    """The operation is goim's own, not a message of the application."""

    def __init__(self, operation: int) -> None:
        words = f"operation {operation} is not 4 and not 100 or more"
        super().__init__(OPERATION_REFUSED, words, Retry.NEVER.value)
        self.operation = operation


class BodyTooLarge(RouterError):
    """A body is over its limit."""

    def __init__(self, size: int, limit: int) -> None:
        words = f"a body of {size} bytes is over the limit of {limit}"
        super().__init__(TOO_LARGE, words, Retry.NEVER.value)
        self.size = size
        self.limit = limit


class RateExceeded(RouterError):
    """The member sends faster than the room type's policy allows."""

    def __init__(self, seconds: float) -> None:
        words = f"too many messages, the next one in {seconds:.1f} s"
        super().__init__(RATE_EXCEEDED, words, Retry.LATER.value)
        self.seconds = seconds


class QueueFull(RouterError):
    """More messages wait to be stored than the limit."""

    def __init__(self, messages: int, size: int) -> None:
        words = f"{messages} messages of {size} bytes wait to be stored already"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.messages = messages
        self.size = size


class NotConfirmed(RouterError):
    """No confirmation within the time for it; the message may or may not be stored."""

    def __init__(self, seconds: float, last_problem: str) -> None:
        words = f"not confirmed within {seconds:g} s: {last_problem}"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.seconds = seconds
        self.last_problem = last_problem


class StorageRefused(RouterError):
    """JetStream refused to store the message."""

    def __init__(self, number: int, description: str) -> None:
        words = f"storage refused it: {description} ({number})"
        if number == MESSAGE_TOO_LARGE:
            super().__init__(TOO_LARGE, words, Retry.NEVER.value)
        else:
            super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.number = number
        self.description = description


class GatewaySilent(RouterError):
    """Gateways that hold keys of a push did not answer in time; those may have been served."""

    def __init__(self, gateways: int, keys: int) -> None:
        words = f"{gateways} gateways with {keys} of the keys did not answer"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.gateways = gateways
        self.keys = keys


class PresenceAway(RouterError):
    """Redis can't be reached, so nobody knows who is connected where."""

    def __init__(self, problem: str) -> None:
        super().__init__(UNAVAILABLE, f"presence is away: {problem}", Retry.LATER.value)
        self.problem = problem
