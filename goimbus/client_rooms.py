"""DECIDE which further rooms a client hears (op 21 and 23), over all its connections.

They are named in the auth frame as far as it has place, each with the position there, and op 8
tells which were entered. The rest is joined after the login.
"""

from collections.abc import Callable, Iterable
from json import dumps
from typing import Any, NamedTuple

from goimbus.client_answers import Answered, json_object, read_answer
from goimbus.messages import Message, room_topic
from goimbus.positions import Positions
from schemas.frame import MAX_BODY_BYTES, Frame, encode_frame
from schemas.operations import Operation

POSITION_BYTES = len(": -9223372036854775808, ")
AROUND_BYTES = 100  # the names of the fields, and the positions that are no room's
ONE_ROOM = (501, "the server has one room only")  # one without extensions
REPLIES = (Operation.JOIN_ROOM_REPLY, Operation.LEAVE_ROOM_REPLY)


class _Asked(NamedTuple):
    operation: Operation
    room: str
    is_ours: bool  # the application does not wait for it


class FurtherRooms:
    """The rooms that a client wants to hear beside its own, in the order it asked for them."""

    def __init__(self, rooms: Iterable[str], positions: Positions) -> None:
        self._wanted = dict.fromkeys(rooms)
        self._positions = positions
        self._asked: dict[int, _Asked] = {}
        self._entered: set[str] = set()  # by the last login

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._wanted)

    def join(self, number: int, room: str) -> bytes:
        """Want one more; return the request of this number."""
        self._wanted[room] = None
        return self._ask(number, Operation.JOIN_ROOM, room)

    def leave(self, number: int, room: str) -> bytes:
        """Want one no more; return the request of this number."""
        self._wanted.pop(room, None)
        return self._ask(number, Operation.LEAVE_ROOM, room)

    def put_out(self, room: str) -> None:
        """The server has taken the client out of a room."""
        self._wanted.pop(room, None)

    def forget(self, number: int) -> None:
        """Wait no longer for an answer."""
        self._asked.pop(number, None)

    def add_to_login(self, values: dict[str, Any], room: str) -> None:
        """Add to an auth frame's values what fits: the rooms, and where the client is."""
        left = MAX_BODY_BYTES - len(dumps(values)) - AROUND_BYTES - _size(room)
        named: list[str] = []
        for one in self._wanted:
            left -= _size(one) + len(dumps(one))
            if left < 0:
                break
            named.append(one)
        told = {"", room, *named}
        for one in self._positions.rooms:  # it may come back there, or the token say where it is
            left -= _size(one)
            if left >= 0:
                told.add(one)
        if named:
            values["rooms"] = named
        resume = self._positions.resume(told)
        if resume:
            values["resume"] = resume

    def log_in(self, told: dict[str, Any], extended: bool) -> list[Answered | Message]:
        """Take what op 8 says; return answers, and op 27 for each room that is lost.

        A server that does not know rooms at login says nothing: then they are asked for.
        """
        entered, refused = told.get("rooms"), told.get("refused")
        names = entered if isinstance(entered, list) else []
        self._entered = {one for one in names if isinstance(one, str)}
        self._asked = {number: one for number, one in self._asked.items() if not one.is_ours}
        errors = refused if isinstance(refused, dict) else {}
        events: list[Answered | Message] = []
        for number, one in tuple(self._asked.items()):
            if not extended:
                events.append(Answered(number, 0, *ONE_ROOM))
                self._wanted.pop(one.room, None)
            elif one.operation == Operation.LEAVE_ROOM or one.room in self._entered:
                events.append(Answered(number))
            elif one.room in errors:
                events.append(read_answer(number, {"error": errors[one.room]}))
                self._wanted.pop(one.room, None)
            else:
                continue
            del self._asked[number]
        lost = [room for room in errors if room in self._wanted]
        return [*events, *(self._lose(room, errors[room]) for room in lost)]

    def to_send(self, next_number: Callable[[], int]) -> list[bytes]:
        """Return the requests after a login: what is not entered yet, and what was not answered."""
        asked = {one.room for one in self._asked.values()}
        for room in self._wanted:
            if room not in asked and room not in self._entered:
                self._asked[next_number()] = _Asked(Operation.JOIN_ROOM, room, is_ours=True)
        return [self._frame(number, one) for number, one in self._asked.items()]

    def receive_reply(self, frame: Frame) -> list[Answered | Message]:
        """Take an op 22 or 24. A refusal that nobody waits for is told as op 27."""
        one = self._asked.pop(frame.sequence, None)
        told = json_object(frame.body)
        answer = read_answer(frame.sequence, told)
        if one is not None and not one.is_ours:
            if answer.error_code:
                self._wanted.pop(one.room, None)
            return [answer]
        room = str(told.get("room"))
        if answer.error_code and room in self._wanted:
            return [self._lose(room, told["error"])]
        return []

    def _ask(self, number: int, operation: Operation, room: str) -> bytes:
        one = self._asked[number] = _Asked(operation, room, is_ours=False)
        return self._frame(number, one)

    def _frame(self, number: int, one: _Asked) -> bytes:
        values: dict[str, Any] = {"room": one.room}
        position = self._positions.known(room_topic(one.room))
        if one.operation == Operation.JOIN_ROOM and position is not None:
            values["resume"] = position
        return encode_frame(one.operation, dumps(values).encode(), sequence=number)

    def _lose(self, room: str, error: Any) -> Message:
        """The server does not let the client in any more: that is told as op 27 tells it."""
        self._wanted.pop(room, None)
        body = dumps({"room": room, "error": error}).encode()
        return Message(room_topic(room), Operation.ROOM_LEFT, body)


def _size(room: str) -> int:
    return len(dumps(room)) + POSITION_BYTES
