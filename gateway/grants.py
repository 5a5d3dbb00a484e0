"""DECIDE what the answer of `goim.auth.check` lets a connection do.

The answer is Grant (schemas/messages.proto) in JSON or binary protobuf, from our auth service or
from anybody who took its place, so nothing in it is believed to have the right type.
"""

from dataclasses import dataclass, field
from json import JSONDecodeError, loads
from typing import Any

from google.protobuf.message import DecodeError

from schemas.messages_pb2 import Grant as GrantMessage

INT32, INT64 = 2**31, 2**63


class GrantUnreadable(ValueError):
    """The auth responder's answer is no Grant."""


class TokenRefused(Exception):
    """The auth responder said no; `number` is a close code."""

    def __init__(self, number: int, words: str) -> None:
        self.number = number
        self.words = words

    def __str__(self) -> str:
        return f"{self.number} {self.words}"


@dataclass(frozen=True, slots=True)
class RoomRight:
    """What a pattern of rooms is good for: a room id, or its beginning and a final `*`."""

    pattern: str
    receive: bool = True
    send: bool = True
    history: bool = True

    def covers(self, room: str) -> bool:
        """Tell whether the pattern means this room."""
        if self.pattern.endswith("*"):
            return room.startswith(self.pattern[:-1])
        return room == self.pattern


@dataclass(frozen=True, slots=True)
class Grant:
    """Who a connection is and what it may do."""

    mid: int = 0
    key: str = ""
    room: str = ""
    platform: str = ""
    accepts: frozenset[int] = frozenset()
    rooms: tuple[RoomRight, ...] = ()
    expires_at: float = 0.0
    ext: bool = False
    resume: dict[str, int] = field(default_factory=dict)

    def may(self, right: str, room: str) -> bool:
        """Tell whether any pattern gives `receive`, `send` or `history` in the room."""
        return any(getattr(one, right) and one.covers(room) for one in self.rooms)


def read_grant(payload: bytes) -> Grant:
    """Return the grant. Raises TokenRefused, or GrantUnreadable for anything else."""
    try:
        values = loads(payload) if payload[:1] == b"{" else _from_protobuf(payload)
        return _grant(values)
    except (JSONDecodeError, DecodeError, TypeError, ValueError, KeyError, RecursionError) as error:
        raise GrantUnreadable(type(error).__name__) from None


def _from_protobuf(payload: bytes) -> dict[str, Any]:
    message = GrantMessage()
    message.ParseFromString(payload)
    values: dict[str, Any] = {
        name: getattr(message, name)
        for name in ("mid", "key", "room", "platform", "expires_at", "ext")
    }
    values["accepts"] = list(message.accepts)
    values["resume"] = {"topics": dict(message.resume.topics)}
    values["rooms"] = [
        {"pattern": one.pattern, "receive": one.receive, "send": one.send, "history": one.history}
        for one in message.rooms
    ]
    if message.HasField("error"):
        values["error"] = {"code": message.error.code, "message": message.error.message}
    return values


def _grant(values: dict[str, Any]) -> Grant:
    error = values.get("error")
    if error:
        raise TokenRefused(int(error["code"]), str(error.get("message", "")))
    accepts = frozenset(_integer(one, INT32) for one in values.get("accepts") or ())
    resume = values.get("resume") or {}
    positions = resume.get("topics", resume)
    return Grant(
        mid=_integer(values.get("mid") or 0, INT64),
        key=_text(values.get("key")),
        room=_text(values.get("room")),
        platform=_text(values.get("platform")),
        accepts=accepts,
        rooms=tuple(_right(one) for one in values.get("rooms") or ()),
        expires_at=float(values.get("expires_at") or 0),
        ext=bool(values.get("ext")),
        resume={str(topic): _integer(number, INT64) for topic, number in positions.items()},
    )


def _right(one: Any) -> RoomRight:
    if isinstance(one, str):
        return RoomRight(one)
    names = ("receive", "send", "history")
    return RoomRight(_text(one["pattern"]), *(bool(one.get(name)) for name in names))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any, bound: int) -> int:
    if isinstance(value, bool | float):
        raise TypeError
    number = int(value)
    if not -bound <= number < bound:
        raise ValueError
    return number
