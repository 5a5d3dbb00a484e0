"""EDGE what the records of rooms mean for the connections here: who may be in, who must leave.

The records are followed in memory (bus/rooms.py), so a right at login, at op 12 and at replay
costs no request, and a ban or kick takes effect as soon as its record has come.
"""

from collections.abc import Iterable
from json import dumps
from typing import TYPE_CHECKING, cast

from bus.rooms import RoomBook, RoomChange
from gateway.fanout import EXT, Delivery, encode_deliveries
from gateway.grants import RoomRight
from gateway.room_denial import TOKEN_FORBIDS, room_denial, token_gives
from gateway.topic import Topic
from schemas.close_codes import Retry
from schemas.operations import Operation
from schemas.rooms import KICKED, RECEIVE, Denial, Departure, affected, denial, departed
from schemas.subjects import room_topic

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

FORBIDDEN = 403
NO_RIGHT: dict[str, object] = {
    "code": FORBIDDEN,
    "message": TOKEN_FORBIDS.words,
    "reason": TOKEN_FORBIDS.reason,
    "retry": Retry.NEVER.value,
    "after": 0,
}


class RoomRights:
    """Follows a book for one gateway; None: no room has a record."""

    def __init__(self, gateway: "Gateway", book: RoomBook | None) -> None:
        self._gateway = gateway
        self.book = book
        if book is not None:
            book.on_change.append(self._enforce)

    def obstacle(self, mid: int, rights: Iterable[RoomRight], room: str) -> Denial | None:
        """Return why a connection may not hear a room, None when it may."""
        policy_of = self._gateway.policies.of
        return room_denial(RECEIVE, mid, rights, room, policy_of, self.book)

    def token_gives(self, right: str, rights: Iterable[RoomRight], room: str) -> bool:
        """Tell whether a token gives a right in a room, whatever its record says."""
        return token_gives(right, rights, room, room_topic(room), self.book)

    def error(self, refusal: Denial) -> dict[str, object]:
        """Return a refusal as `ext` clients are told it."""
        if refusal is TOKEN_FORBIDS:
            return dict(NO_RIGHT)
        assert self.book is not None
        retry, after = refusal.retry(self.book.clock())
        values: dict[str, object] = {"code": FORBIDDEN, "message": refusal.words}
        return values | {"reason": refusal.reason, "retry": retry, "after": after}

    def tell(self, topic: Topic, body: bytes) -> None:
        """Give an event of a room to the `ext` clients that are live in it."""
        self._gateway.flush(topic)
        event = [Delivery(0, Operation.ROOM_EVENT, body)]
        encoded: dict[int, bytes] = {}
        for receiver in tuple(topic.live):
            if not receiver.kind & EXT:
                continue
            if receiver.blocked:
                self._gateway.counters.dropped["slow_connection"] += 1
                continue
            data = encoded.get(receiver.kind)
            if data is None:
                data = encoded[receiver.kind] = encode_deliveries(event, receiver.kind, topic.label)
            receiver.send(data, 1)

    def _enforce(self, change: RoomChange) -> None:
        """Take out of a room who may not be in it any more."""
        topic = self._gateway.interest.topics.get(change.topic)
        if topic is None or self.book is None:
            return
        if change.after is None:
            self._forget(topic)
            return
        before = change.before.record if change.before is not None else None
        after, now = change.after.record, self.book.clock()
        departures = {one.mid: one for one in departed(before, after)}
        for connection in self._present(topic, affected(before, after)):
            mid = connection.session.mid
            refusal = denial(after, RECEIVE, mid, now)
            departure = departures.get(mid)
            if departure is not None:
                self._put_out(connection, topic, _farewell(departure, refusal))
            elif refusal is not None:
                self._put_out(connection, topic, self.error(refusal))

    def _forget(self, topic: Topic) -> None:
        """Take out of a room whose record is gone who was let in because of it."""
        for connection in self._present(topic, None):
            session = connection.session
            if self.obstacle(session.mid, session.rights, topic.room) is not None:
                self._put_out(connection, topic, NO_RIGHT)

    def _present(self, topic: Topic, mids: frozenset[int] | None) -> list["Connection"]:
        """Return the connections of these members in a room, of everybody for None."""
        hub = self._gateway.hub
        if mids is not None:
            found = [one for mid in mids for one in hub.by_member.get(mid, ())]
            return [one for one in found if topic in one.topics]
        live = [cast("Connection", one) for one in topic.live]
        if not topic.catching_up:
            return live
        behind = (one for one in hub.connections.values() if topic in (one.behind or ()))
        return [*live, *behind]

    def _put_out(self, connection: "Connection", topic: Topic, error: dict[str, object]) -> None:
        gateway = self._gateway
        gateway.moves.put_out(connection, topic.room)
        gateway.counters.refused[f"room_{error['reason']}"] += 1
        if connection.kind & EXT:
            body = dumps({"room": topic.room, "error": error}, ensure_ascii=False).encode()
            left = [Delivery(0, Operation.ROOM_LEFT, body)]
            connection.send(encode_deliveries(left, connection.kind, topic.label), 1)


def _farewell(departure: Departure, refusal: Denial | None) -> dict[str, object]:
    """Return why a member is out, and whether it may come back (unless the record denies it)."""
    words = "you were put out of the room" if departure.why == KICKED else "you have left the room"
    if departure.reason:
        words = f"{words}: {departure.reason}"
    retry = Retry.LATER if refusal is None else Retry.NEVER
    return {
        "code": FORBIDDEN,
        "message": words,
        "reason": departure.why,
        "retry": retry.value,
        "after": 0,
    }
