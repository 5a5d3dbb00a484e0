"""DECIDE what the answer of `goim.auth.check` lets a connection do.

The answer is Grant (schemas/messages.proto) in JSON or binary protobuf, from our auth service or
from anybody who took its place, so nothing in it is believed to have the right type.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any

import msgspec
from google.protobuf.message import DecodeError

from schemas.messages_pb2 import Grant as GrantMessage

INT32, INT64 = 2**31, 2**63
UNREADABLE = (
    msgspec.DecodeError,
    DecodeError,
    TypeError,
    ValueError,
    KeyError,
    OverflowError,
    RecursionError,
)
RIGHTS = ("receive", "send", "history", "recorded")
_Int32 = Annotated[int, msgspec.Meta(ge=-INT32, lt=INT32)]
_Int64 = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]
_TEXTS = ("device", "devices", "role", "token_id")


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
    """What a pattern of rooms is good for: a room id, or its beginning and a final `*`.

    `recorded`: only in rooms that have a record, which says more.
    """

    pattern: str
    receive: bool = True
    send: bool = True
    history: bool = True
    recorded: bool = False

    def covers(self, room: str) -> bool:
        """Tell whether the pattern means this room."""
        if self.pattern.endswith("*"):
            return room.startswith(self.pattern[:-1])
        return room == self.pattern


class Grant(msgspec.Struct, frozen=True):
    """Who a connection is and what it may do."""

    mid: int = 0
    key: str = ""
    room: str = ""
    platform: str = ""
    accepts: frozenset[int] = frozenset()
    rooms: tuple[RoomRight, ...] = ()
    expires_at: float = 0.0
    ext: bool = False
    resume: dict[str, int] = {}
    device: str = ""
    devices: str = ""
    role: str = ""
    token_id: str = ""
    join: tuple[str, ...] = ()


def read_grant(payload: bytes) -> Grant:
    """Return the grant. Raises TokenRefused, or GrantUnreadable for anything else.

    No payload at all is what a NATS micro service sends beside error headers: it grants nothing.
    """
    if not payload:
        raise GrantUnreadable("empty")
    try:
        document = _plain_decoder.decode(payload)
    except UNREADABLE:
        pass  # something unusual: taken apart below
    else:
        return _plain_grant(document)
    try:
        values = msgspec.json.decode(payload) if payload[:1] == b"{" else _from_protobuf(payload)
        return _grant(values)
    except UNREADABLE as error:
        raise GrantUnreadable(type(error).__name__) from None


class _PlainRight(msgspec.Struct, forbid_unknown_fields=True):
    pattern: str
    receive: bool = False
    send: bool = False
    history: bool = False
    recorded: bool = False


class _PlainPositions(msgspec.Struct, forbid_unknown_fields=True):
    topics: dict[str, _Int64] = {}


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A grant in the very form that our auth service gives it, which msgspec checks by itself."""

    mid: _Int64 = 0
    key: str = ""
    room: str = ""
    platform: str = ""
    accepts: list[_Int32] = []
    rooms: list[_PlainRight] = []
    expires_at: Annotated[int, msgspec.Meta(ge=0, le=INT64 - 1)] = 0
    ext: bool = False
    resume: _PlainPositions | None = None
    token_id: str = ""
    device: str = ""
    devices: str = ""
    role: str = ""
    join: list[str] = []


_plain_decoder = msgspec.json.Decoder(_Plain)


def _plain_grant(plain: _Plain) -> Grant:
    rights = [
        _same_right(one.pattern, one.receive, one.send, one.history, one.recorded)
        for one in plain.rooms
    ]
    return Grant(
        plain.mid,
        plain.key,
        plain.room,
        plain.platform,
        _same_set(tuple(plain.accepts)),
        tuple(rights),
        float(plain.expires_at),
        plain.ext,
        plain.resume.topics if plain.resume is not None else {},
        plain.device,
        plain.devices,
        plain.role,
        plain.token_id,
        tuple(plain.join),
    )


def _from_protobuf(payload: bytes) -> dict[str, Any]:
    message = GrantMessage()
    message.ParseFromString(payload)
    values: dict[str, Any] = {
        name: getattr(message, name)
        for name in ("mid", "key", "room", "platform", "expires_at", "ext", *_TEXTS)
    }
    values["accepts"] = list(message.accepts)
    values["join"] = list(message.join)
    values["resume"] = {"topics": dict(message.resume.topics)}
    values["rooms"] = [
        {"pattern": one.pattern} | {name: getattr(one, name) for name in RIGHTS}
        for one in message.rooms
    ]
    if message.HasField("error"):
        values["error"] = {"code": message.error.code, "message": message.error.message}
    return values


def _grant(values: dict[str, Any]) -> Grant:
    if values.get("error") is not None:
        error = _dict(values["error"])
        raise TokenRefused(_integer(error.get("code") or 0, INT32), _text(error.get("message")))
    resume = _dict(values.get("resume"))
    positions = _dict(resume.get("topics", resume))
    return Grant(
        mid=_integer(values.get("mid") or 0, INT64),
        key=_text(values.get("key")),
        room=_text(values.get("room")),
        platform=_text(values.get("platform")),
        accepts=_same_set(tuple(_integer(one, INT32) for one in _list(values.get("accepts")))),
        rooms=tuple(_right(one) for one in _list(values.get("rooms"))),
        expires_at=_seconds(values.get("expires_at", values.get("expiresAt"))),
        ext=_flag(values.get("ext")),
        resume={_text(topic): _integer(number, INT64) for topic, number in positions.items()},
        join=tuple(_text(room) for room in _list(values.get("join"))),
        **{name: _text(values.get(name)) for name in _TEXTS},
    )


def _right(one: Any) -> RoomRight:
    if isinstance(one, str):
        return _same_right(_text(one), True, True, True, False)
    values = _dict(one)
    receive, send, history, recorded = (_flag(values.get(name)) for name in RIGHTS)
    return _same_right(_text(values["pattern"]), receive, send, history, recorded)


@lru_cache(maxsize=4096)
def _same_right(
    pattern: str, receive: bool, send: bool, history: bool, recorded: bool
) -> RoomRight:
    """One object for all connections with this right: thousands have the same."""
    return RoomRight(pattern, receive, send, history, recorded)


@lru_cache(maxsize=4096)
def _same_set(operations: tuple[int, ...]) -> frozenset[int]:
    """One object for all connections that accept the same."""
    return frozenset(operations)


def _dict(value: Any) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError
    return value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    """Return a text that can be encoded: JSON may hold half of a surrogate pair."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def _integer(value: Any, bound: int) -> int:
    """Return a number that may be written as a text, as protobuf's JSON mapping does."""
    if isinstance(value, bool | float):
        raise TypeError
    number = int(value)
    if not -bound <= number < bound:
        raise ValueError
    return number


def _seconds(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    seconds = float(value or 0)
    if not isfinite(seconds) or seconds < 0:
        raise ValueError
    return seconds
