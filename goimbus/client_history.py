"""DECIDE what a client asks of the past (op 30 and 32), over all its connections.

A question that was not answered is asked again on the next connection: it changes nothing, or
says once more what is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import dumps
from typing import Any

from goimbus.client_answers import Answered, json_object, read_answer, whole_number
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation

REPLIES = (Operation.HISTORY_REPLY, Operation.READ_REPLY)
NOT_THERE = (501, "the server tells its clients no history")  # one without extensions


@dataclass(frozen=True, slots=True)
class OldMessage:
    """A message of the past; `recipient` is over 0 in direct messages."""

    sequence: int
    operation: int
    body: bytes
    sender: int  # 0: a service's
    time_ms: int  # unix milliseconds
    recipient: int = 0


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Messages, oldest first. `more`: there are older ones, before the first of these.

    What was there up to `gone_to`, if anything, is kept no longer; told with the oldest page.
    """

    messages: tuple[OldMessage, ...]
    more: bool
    gone_to: int = 0


@dataclass(frozen=True, slots=True)
class ReadState:
    """Up to where a member has read; how many messages are above that, and the last one."""

    read: int
    unread: int
    last: int


@dataclass(frozen=True, slots=True)
class Unread:
    """How it stands with rooms and with members; why one is not told of a room is in `refused`.

    `more`: there are direct messages with other members too.
    """

    rooms: Mapping[str, ReadState] = field(default_factory=dict)
    members: Mapping[int, ReadState] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    more: bool = False


class Questions:
    """What was asked and is not answered."""

    def __init__(self) -> None:
        self._asked: dict[int, bytes] = {}

    def ask(self, number: int, operation: Operation, values: Mapping[str, object]) -> bytes:
        """Return the frame of a question."""
        frame = encode_frame(operation, dumps(values).encode(), sequence=number)
        self._asked[number] = frame
        return frame

    def forget(self, number: int) -> None:
        """Wait no longer for an answer."""
        self._asked.pop(number, None)

    def log_in(self, extended: bool) -> list[Answered]:
        """Answer what this server never will."""
        if extended:
            return []
        numbers, self._asked = list(self._asked), {}
        return [Answered(number, 0, *NOT_THERE) for number in numbers]

    def to_send(self) -> list[bytes]:
        """Return what is to be asked again after a login."""
        return list(self._asked.values())

    def receive_reply(self, frame: Frame) -> list[Answered | Unread]:
        """Take an op 31 or 33; one that nobody asked for tells what was read elsewhere."""
        told = json_object(frame.body)
        if self._asked.pop(frame.sequence, None) is not None:
            return [read_answer(frame.sequence, told)]
        if frame.operation == Operation.READ_REPLY and frame.sequence == 0:
            return [read_unread(told)]
        return []


def read_history(told: Mapping[str, Any]) -> HistoryPage:
    """Return the page in an op 31 body; what makes no sense in it is left out."""
    listed = told.get("messages")
    messages = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    gone_to = whole_number(dict(told), "gap")
    return HistoryPage(tuple(map(_message, messages)), bool(told.get("more")), gone_to)


def read_unread(told: Mapping[str, Any]) -> Unread:
    """Return what an op 33 body tells; what makes no sense in it is left out."""
    rooms, members = _objects(told.get("rooms")), _objects(told.get("members"))
    refused = {room: read_answer(0, one) for room, one in rooms.items() if "error" in one}
    return Unread(
        {room: _state(one) for room, one in rooms.items() if room not in refused},
        {int(mid): _state(one) for mid, one in members.items() if mid.isascii() and mid.isdigit()},
        {room: one.error_words for room, one in refused.items()},
        bool(told.get("more")),
    )


def _message(one: dict[str, Any]) -> OldMessage:
    number = whole_number
    text = one.get("body")
    if isinstance(text, str):
        body = text.encode(errors="replace")
    else:
        body = str(one.get("bytes") or "").encode("latin-1", "replace")
    return OldMessage(
        number(one, "sequence"),
        number(one, "operation"),
        body,
        number(one, "from"),
        number(one, "time"),
        number(one, "to"),
    )


def _objects(values: object) -> dict[str, dict[str, Any]]:
    if not isinstance(values, dict):
        return {}
    return {name: one for name, one in values.items() if isinstance(one, dict)}


def _state(one: dict[str, Any]) -> ReadState:
    return ReadState(*(whole_number(one, name) for name in ("read", "unread", "last")))
