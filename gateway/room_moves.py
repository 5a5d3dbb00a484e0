"""EDGE into rooms and out of them: at login, by op 12, 21 and 23, and when a right ends.

A connection hears its room (op 12) and further ones (op 21). It holds the topic of each once, is
counted in it once, and goes on there as long as one of both says so.
"""

from collections.abc import Iterable
from functools import partial
from json import dumps
from typing import TYPE_CHECKING

from gateway.catch_up import CatchUp
from gateway.session import ChangeRoom, JoinRoom, LeaveRoom, Reply, State
from schemas.operations import Operation
from schemas.rooms import HISTORY
from schemas.subjects import MAX_ID_BYTES, room_topic

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

ROOM_TOLD = 2 * MAX_ID_BYTES + len("://")  # no room that can be entered has more characters
TOO_MANY_ROOMS = 409
PUT_OUT = {  # between the request and its answer
    "code": 403,
    "reason": "kicked",
    "message": "you were put out of the room",
    "retry": "later",
    "after": 0,
}


class RoomMoves:
    """Which rooms the connections of this gateway hear."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def change(self, connection: "Connection", action: ChangeRoom) -> None:
        """Op 12: leave the room for another one, or none."""
        room, session = action.room, connection.session
        error, catch_up = None, None
        if room != session.room:
            error = self._refusal(connection, room) if room else None
            left, session.room = session.room, ""
            self._drop(connection, left)
            if error is not None:
                self._gateway.counters.refused["room"] += 1
            elif room:
                catch_up = self.enter(connection, room)
            self._gateway.presence.note_joined(connection)
        self._answer_when_heard(connection, action, error, catch_up)

    def join(self, connection: "Connection", action: JoinRoom) -> None:
        """Op 21: hear one more room."""
        room, session = action.room, connection.session
        error, catch_up = None, None
        if room not in session.rooms:
            error = self._further_refusal(connection, room)
            if error is None:
                catch_up = self.enter_further(connection, room, action.resume)
                self._gateway.presence.note_joined(connection)
        self._answer_when_heard(connection, action, error, catch_up)

    def leave(self, connection: "Connection", action: LeaveRoom) -> None:
        """Op 23: hear a further room no more, unless it is the one of op 12 too."""
        session = connection.session
        if action.room in session.rooms:
            session.rooms = tuple(one for one in session.rooms if one != action.room)
            self._drop(connection, action.room)
            self._gateway.presence.note_joined(connection)
        body = dumps({"room": action.room[:ROOM_TOLD]}).encode()
        connection.send_frame(Operation.LEAVE_ROOM_REPLY, body, action.version, action.sequence)

    def enter(self, connection: "Connection", room: str, told: int | None = None) -> CatchUp | None:
        """Make a room that the connection may enter its room; `told`: where it says it is.

        What it lacks there is asked for when the caller begins that; None: it hears it already.
        """
        catch_up = self._hear(connection, room, told)
        connection.session.room = self._name(room)
        return catch_up

    def enter_further(
        self, connection: "Connection", room: str, told: int | None = None
    ) -> CatchUp | None:
        """Let the connection hear a room, which it may, besides its own. As `enter`."""
        catch_up = self._hear(connection, room, told)
        connection.session.rooms = (*connection.session.rooms, self._name(room))
        return catch_up

    def enter_all(
        self, connection: "Connection", wanted: Iterable[str], positions: dict[str, int]
    ) -> tuple[list[CatchUp], dict[str, object]]:
        """Enter the further rooms of a login; return what is to begin, and what was refused."""
        catch_ups: list[CatchUp] = []
        refused: dict[str, object] = {}
        for room in dict.fromkeys(wanted):
            error = self._further_refusal(connection, room)
            if error is not None:
                refused[room[:ROOM_TOLD]] = error
                continue
            catch_up = self.enter_further(connection, room, positions.get(room))
            if catch_up is not None:
                catch_ups.append(catch_up)
        return catch_ups, refused

    def put_out(self, connection: "Connection", room: str) -> None:
        """Take a connection out of a room, whichever way it is in."""
        session = connection.session
        if session.room == room:
            session.room = ""
        if room in session.rooms:
            session.rooms = tuple(one for one in session.rooms if one != room)
        self._drop(connection, room)
        self._gateway.presence.note_joined(connection)

    def leave_all(self, connection: "Connection") -> None:
        """A connection ends: it holds nothing any more."""
        session, interest = connection.session, self._gateway.interest
        for room in {session.room, *session.rooms} - {""}:
            self._gateway.hub.move(room, "")
        session.room, session.rooms = "", ()
        topics, connection.topics = connection.topics, ()
        for topic in topics:
            interest.release(connection, topic)

    def _name(self, room: str) -> str:
        """Return the one text that all who hear a room share."""
        return self._gateway.interest.topics[room_topic(room)].room

    def _hear(self, connection: "Connection", room: str, told: int | None) -> CatchUp | None:
        session, gateway = connection.session, self._gateway
        if session.hears(room):
            return None
        gateway.hub.move("", room)
        topic = gateway.interest.hold_room(connection, room)
        known = connection.visited.pop(room, None) if connection.visited else None
        newest = 0
        if told is not None and told < 0:
            newest = -told if gateway.rooms.token_gives(HISTORY, session.rights, room) else 0
        after = told if told is not None and told >= 0 else known
        return gateway.catching_up.prepare(connection, topic, after, newest)

    def _drop(self, connection: "Connection", room: str) -> None:
        """Let go of a room that the session has left, if it hears it no more."""
        if not room or connection.session.hears(room):
            return
        self._gateway.hub.move(room, "")
        topic = self._gateway.interest.topics.get(room_topic(room))
        if topic is not None:
            position = connection.position(topic)
            if position is not None:
                connection.remember(room, position)
            self._gateway.interest.release(connection, topic)

    def _refusal(self, connection: "Connection", room: str) -> dict[str, object] | None:
        session, rooms = connection.session, self._gateway.rooms
        refusal = rooms.obstacle(session.mid, session.rights, room)
        return None if refusal is None else rooms.error(refusal)

    def _further_refusal(self, connection: "Connection", room: str) -> dict[str, object] | None:
        """Return why the connection may not hear one room more; it is counted."""
        gateway = self._gateway
        most = gateway.settings.limits.further_rooms
        if len(connection.session.rooms) >= most:
            gateway.counters.refused["further_rooms"] += 1
            return {
                "code": TOO_MANY_ROOMS,
                "reason": "too_many_rooms",
                "message": f"a connection hears at most {most} further rooms: leave one first",
                "retry": "never",
                "after": 0,
            }
        error = self._refusal(connection, room)
        if error is not None:
            gateway.counters.refused["room"] += 1
        return error

    def _answer_when_heard(
        self,
        connection: "Connection",
        action: ChangeRoom | JoinRoom,
        error: dict[str, object] | None,
        catch_up: CatchUp | None,
    ) -> None:
        then = partial(self._answer, connection, action, error, catch_up)
        self._gateway.interest.when_heard(connection, then)

    def _answer(
        self,
        connection: "Connection",
        action: ChangeRoom | JoinRoom,
        error: dict[str, object] | None,
        catch_up: CatchUp | None,
    ) -> None:
        """Tell a client that it is in the room; then what it lacks there, and its next frames."""
        session, room = connection.session, action.room
        if session.state is not State.OPEN:
            return
        if error is None and room and not session.hears(room):
            error = self._refusal(connection, room) or PUT_OUT
        self._gateway.carry_out(connection, _reply(action, error, session.ext))
        session.answered()
        if catch_up is not None:
            self._gateway.catching_up.begin(catch_up)
        connection.go_on()


def _reply(action: ChangeRoom | JoinRoom, error: dict[str, object] | None, ext: bool) -> Reply:
    """Return op 13, goim's unless an `ext` client may not enter, or op 22."""
    values: dict[str, object] = {"room": action.room[:ROOM_TOLD]}
    if error is not None:
        values["error"] = error
    if isinstance(action, JoinRoom):
        operation, body = Operation.JOIN_ROOM_REPLY, dumps(values).encode()
    else:
        operation, body = Operation.CHANGE_ROOM_REPLY, action.body
        if error is not None and ext:
            body = dumps(values).encode()
    return Reply(operation, body, action.version, action.sequence)
