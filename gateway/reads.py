"""EDGE op 32 and 33: what a member has read, what is unread, and telling its other connections."""

from functools import partial
from json import dumps
from typing import TYPE_CHECKING

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import read_reply
from gateway.asks import FORBIDDEN, AskRefused, ReadWish, read_reading
from gateway.catch_up import sender_number
from gateway.fanout import EXT
from gateway.history import NO_MEMBER, begin, end, refusal_of
from gateway.session import Ask
from gateway.topic import Topic
from schemas.headers import SESSION, header_value
from schemas.messages_pb2 import ReadReply, ReadRequest, UnreadRequest
from schemas.operations import Operation
from schemas.reads import read_values

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

Refused = dict[str, dict[str, object]]  # room to its error


class Reads:
    """What is read and unread, for the clients of this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._unavailable = RareLog("unread_unavailable")

    def ask(self, connection: "Connection", action: Ask) -> None:
        """Tell the store what is read and ask what is not; it is answered with op 33."""
        gateway, session = self._gateway, connection.session
        try:
            wish = read_reading(action.body)
            if session.mid <= 0:
                raise AskRefused(*NO_MEMBER)
            begin(gateway, connection)
        except AskRefused as refused:
            self._refuse(connection, action, refused)
            return
        rooms, refused_rooms = self._allowed(connection, wish)
        subjects = gateway.bus.subjects
        request: ReadRequest | UnreadRequest
        if wish.everything:
            subject = subjects.rpc("store", "unread")
            request = UnreadRequest(mid=session.mid, rooms=rooms, all_members=True)
        else:
            subject = subjects.rpc("store", "read")
            sequences = {room: wish.rooms[room] for room in rooms}
            request = ReadRequest(
                mid=session.mid,
                rooms=sequences,
                members=wish.peers,
                session=connection.session_id,
            )
        then = partial(self._receive, connection, action, refused_rooms)
        gateway.bus.request(subject, request.SerializeToString(), then)

    def tell(self, topic: Topic, body: bytes, headers: bytes | None) -> None:
        """Give what a member has read to its `ext` connections, but for the one that has."""
        gateway = self._gateway
        gateway.flush(topic)  # what was read, they have
        reader = sender_number(header_value(headers, SESSION), gateway.id)
        mid = int(topic.name.partition(".")[2])
        for connection in tuple(gateway.hub.by_member.get(mid, ())):
            if not connection.kind & EXT or connection.number == reader:
                continue
            if connection.blocked:
                gateway.counters.dropped["slow_connection"] += 1
                continue
            connection.send_frame(Operation.READ_REPLY, body)

    def _allowed(self, connection: "Connection", wish: ReadWish) -> tuple[list[str], Refused]:
        """Return the rooms that are asked about and may be heard, and why others may not."""
        session, rights = connection.session, self._gateway.rooms
        if wish.everything:
            heard = dict.fromkeys((session.room, *session.rooms))
            return [room for room in heard if room], {}
        allowed, refused = list[str](), Refused()
        for room in wish.rooms:
            denied = rights.obstacle(session.mid, session.rights, room)
            if denied is None:
                allowed.append(room)
            else:
                self._gateway.counters.refused["room"] += 1
                told = AskRefused(FORBIDDEN, denied.reason, denied.words).error
                refused[room] = told | rights.error(denied)
        return allowed, refused

    def _receive(
        self, connection: "Connection", action: Ask, refused_rooms: Refused, reply: Reply
    ) -> None:
        if not end(connection):
            return
        try:
            values = read_values(read_reply(reply, ReadReply))
        except (BusError, RpcError) as error:
            self._refuse(connection, action, refusal_of(error, self._unavailable))
            return
        values["rooms"] |= {room: {"error": error} for room, error in refused_rooms.items()}
        _answer(connection, action, values)

    def _refuse(self, connection: "Connection", action: Ask, refused: AskRefused) -> None:
        self._gateway.counters.refused[refused.rule] += 1
        _answer(connection, action, {"error": refused.error})


def _answer(connection: "Connection", action: Ask, values: dict[str, object]) -> None:
    body = dumps(values, ensure_ascii=False).encode(errors="replace")
    connection.send_frame(Operation.READ_REPLY, body, action.version, action.sequence)
