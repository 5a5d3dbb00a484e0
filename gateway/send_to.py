"""DECIDE what an op 20 body says: a message or signal for a given room or member.

It is read strictly: a name that is misspelled must not make a stored message of a signal.
"""

from json import loads
from typing import Any, NamedTuple

from schemas.operations import is_business
from schemas.subjects import IdRefused, room_topic

INT32, INT64 = 2**31, 2**63
NAMES = frozenset(("room", "member", "operation", "body", "bytes", "cast"))


class SendToRefused(ValueError):
    """The body makes no sense; the words say where."""


class Wanted(NamedTuple):
    """What is to be sent, and where: `room` is "" for a member, `member` 0 for a room."""

    room: str
    member: int
    operation: int
    body: bytes
    cast: bool


def read_send_to(body: bytes) -> Wanted:
    """Return what `{"room": "chat://7", "operation": 1000, "body": "hello"}` wants.

    Raises SendToRefused.
    """
    try:
        values = loads(body, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except SendToRefused:
        raise
    except (ValueError, RecursionError):
        raise SendToRefused("the body is no JSON") from None
    if not isinstance(values, dict):
        raise SendToRefused("the body is no JSON object")
    for name in values:
        if name not in NAMES:
            raise SendToRefused(f"{name[:32]!r} means nothing here")
    cast = values.get("cast", False)
    if not isinstance(cast, bool):
        raise SendToRefused("cast is true or false")
    room, member = _target(values)
    return Wanted(room, member, _operation(values.get("operation")), _body(values), cast)


def _target(values: dict[str, Any]) -> tuple[str, int]:
    if ("room" in values) == ("member" in values):
        raise SendToRefused("one of room and member says where it goes")
    if "member" in values:
        member = values["member"]
        if type(member) is not int or not 0 < member < INT64:
            raise SendToRefused("member is a member's number")
        return "", member
    room = values["room"]
    if not isinstance(room, str):
        raise SendToRefused("room is a room's id, such as chat://7")
    try:
        room_topic(room)
    except IdRefused as refused:
        raise SendToRefused(str(refused)) from None
    return room, 0


def _operation(value: object) -> int:
    if type(value) is not int or not is_business(value) or value >= INT32:
        raise SendToRefused("operation is 4, or a number from 100 on")
    return value


def _body(values: dict[str, Any]) -> bytes:
    if ("body" in values) == ("bytes" in values):
        raise SendToRefused("one of body and bytes is the message")
    name, encoding = ("body", "utf-8") if "body" in values else ("bytes", "latin-1")
    text = values[name]
    if not isinstance(text, str):
        raise SendToRefused(f"{name} is a text")
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        words = "has half a character" if name == "body" else "has a character over U+00FF"
        raise SendToRefused(f"{name} {words}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise SendToRefused("a name is there twice")
    return values


def _refuse_constant(name: str) -> None:
    raise SendToRefused(f"{name} is no number")
