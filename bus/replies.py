"""Read the answer to a request: the message, or one exception that says why there is none."""

from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.micro import ERROR, ERROR_CODE
from schemas.headers import header_number, header_value

INTERNAL_ERROR = 500

Answer = TypeVar("Answer", bound=Message)


class ReplyUnreadable(BusError):
    """The answer is not the expected message."""

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def __str__(self) -> str:
        return f"the answer is no {self.expected}"


def read_reply(reply: Reply, reply_type: type[Answer]) -> Answer:
    """Return the answer in binary protobuf.

    Raises BusError when none came or it can't be read, RpcError when it is a refusal: in its
    `error` field, or in the headers of NATS ADR-32, as services in other languages say it.
    """
    if reply.error is not None:
        raise reply.error
    try:
        answer = reply_type.FromString(reply.payload)
    except DecodeError:
        raise ReplyUnreadable(reply_type.DESCRIPTOR.name) from None
    error: Any = getattr(answer, "error", None)
    if error is not None and error.code:
        raise RpcError(error.code, error.message, error.retry, error.reason, error.after)
    if words := header_value(reply.headers, ERROR):
        raise RpcError(header_number(reply.headers, ERROR_CODE) or INTERNAL_ERROR, words, "later")
    return answer
