"""EDGE what clients send: ask the router to publish it, and answer after it is stored.

Op 4 and business operations go to the room that the connection is in, op 20 to a room or member
that it names. Into a room may send who its token lets or, where the type says `anyone`, who is in
it; the router asks the room's record, and whoever else is to be asked. What one client sends to one
room or member goes there in its order, one after the other.
"""

from functools import partial
from json import dumps
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import quote

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.limits import ADDRESS_MESSAGES
from bus.logs import RareLog
from bus.replies import read_reply
from gateway.send_to import SendToRefused, Wanted, read_send_to
from gateway.sends import Sends, Target
from gateway.session import SendTo, SendUpstream, Session, State
from schemas.close_codes import Retry
from schemas.headers import CAST, ID, SESSION, encode_headers
from schemas.messages_pb2 import SendReply
from schemas.operations import Operation
from schemas.policies import DEFAULT, DIRECT, SERVICE_ROLES, Policy
from schemas.rooms import SEND
from schemas.subjects import room_topic, topic_room_type

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway
    from gateway.room_rights import RoomRights

BAD_REQUEST, FORBIDDEN, TOO_MANY = 400, 403, 429
NO_ROOM = RpcError(404, "you are in no room")
NO_RIGHT = RpcError(FORBIDDEN, "your token does not let you send in this room")
NOT_THERE = RpcError(
    FORBIDDEN,
    "you are not in that room, and your token does not let you send there",
    reason="not_in_room",
)
ONLY_SERVICES = RpcError(FORBIDDEN, "only services may send that", reason="only_services")
UNAVAILABLE = RpcError(503, "the message could not be stored right now; send it again")
Action = SendUpstream | SendTo


class Upstream:
    """The way from clients to the router."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._unavailable = RareLog("send_unavailable")

    def send(self, connection: "Connection", action: SendUpstream) -> None:
        """Publish in the room; the client is answered, then its next frame is taken."""
        wanted = Wanted(action.room, 0, action.operation, action.body, cast=False)
        self._send(connection, action, wanted)

    def send_to(self, connection: "Connection", action: SendTo) -> None:
        """Publish for the room or member that an op 20 body names; other frames don't wait."""
        try:
            wanted = read_send_to(action.body)
        except SendToRefused as refused:
            refusal = RpcError(BAD_REQUEST, str(refused), reason="malformed")
            self._refuse(connection, action, refusal)
        else:
            self._send(connection, action, wanted)
            sends, most = connection.sends, self._gateway.settings.limits.waiting_frames
            if sends is not None and sends.count >= most:
                sends.full = connection.session.waiting = True

    def _send(self, connection: "Connection", action: Action, wanted: Wanted) -> None:
        gateway, session = self._gateway, connection.session
        refusal, policy = self._address_refusal(connection), DEFAULT
        if refusal is None and not wanted.room and not wanted.member:
            refusal = NO_ROOM
        if refusal is None:
            room_type = topic_room_type(room_topic(wanted.room)) if wanted.room else DIRECT
            policy = gateway.policies.of(room_type)
            refusal = _right_refusal(session, wanted.room, policy, gateway.rooms)
        if refusal is not None:
            self._refuse(connection, action, refusal)
            return
        headers = {SESSION: connection.session_id}
        if wanted.cast:
            headers[CAST] = "1"
        elif session.ext and action.sequence > 0:
            key = quote(session.key, safe="")  # any text, and a header is a line
            headers[ID] = f"{session.mid}.{key}.{action.sequence}"
        subjects, seconds = gateway.bus.subjects, gateway.bus.settings.request_seconds
        if wanted.room:
            subject = subjects.upstream(wanted.room, session.mid, wanted.operation)
        else:
            subject = subjects.direct(wanted.member, session.mid, wanted.operation)
        if policy.admit != "off":
            seconds += policy.admit_seconds
        target = wanted.room or wanted.member
        receive = partial(self._receive, connection, action, target)
        block = encode_headers(headers)
        if connection.sends is None:
            connection.sends = Sends()
        connection.sends.add(
            target, partial(gateway.bus.request, subject, wanted.body, receive, seconds, block)
        )

    def _address_refusal(self, connection: "Connection") -> RpcError | None:
        """Say why not where the client's address sends too fast."""
        gateway = self._gateway
        wait = gateway.address_messages.wait(connection.address, gateway.loop.time())
        if not wait or not gateway.excess.refuses(ADDRESS_MESSAGES):
            return None
        words = f"too many messages from your address, the next one in {wait:.1f} s"
        return RpcError(TOO_MANY, words, Retry.LATER.value, ADDRESS_MESSAGES, ceil(wait))

    def _receive(
        self, connection: "Connection", action: Action, target: Target, reply: Reply
    ) -> None:
        sends = connection.sends
        if connection.session.state is not State.OPEN or sends is None:
            return
        sends.answered(target)
        self._tell(connection, action, reply)
        if sends.full and sends.count < self._gateway.settings.limits.waiting_frames:
            sends.full = False
            connection.session.answered()
            connection.go_on()
        if not sends.count:
            connection.sends = None

    def _tell(self, connection: "Connection", action: Action, reply: Reply) -> None:
        try:
            answer = read_reply(reply, SendReply)
        except RpcError as refusal:
            self._refuse(connection, action, refusal)
            return
        except BusError as error:
            self._unavailable.warning(error=str(error))
            self._refuse(connection, action, UNAVAILABLE)
            return
        values: dict[str, object] = {"sequence": answer.sequence}
        if answer.duplicate:
            values["duplicate"] = True
        self._answer(connection, action, values)

    def _refuse(self, connection: "Connection", action: Action, refusal: RpcError) -> None:
        self._gateway.counters.refused[f"send_{refusal.code}"] += 1
        error: dict[str, object] = {"code": refusal.code, "message": refusal.message}
        if refusal.reason:
            error |= {"reason": refusal.reason, "retry": refusal.retry, "after": refusal.after}
        self._answer(connection, action, {"error": error})

    def _answer(self, connection: "Connection", action: Action, values: dict[str, object]) -> None:
        """`ext` clients get op 5; others, as with goim, the same op with an empty body."""
        session = connection.session
        if session.ext:
            body = dumps(values, ensure_ascii=False).encode()
            operation = int(Operation.SEND_MESSAGE_REPLY)
        else:
            operation, body = action.operation, b""
        connection.send_frame(operation, body, action.version, action.sequence)
        if isinstance(action, SendUpstream):
            session.answered()
            connection.go_on()


def _right_refusal(
    session: Session, room: str, policy: Policy, rooms: "RoomRights"
) -> RpcError | None:
    """Say why not where the token, and the type of room, do not let the client send there.

    `room` is "" for a member. Where nobody may send is left to the router.
    """
    if policy.send == "services" and session.role not in SERVICE_ROLES:
        return ONLY_SERVICES
    hears = session.hears(room)
    gives = not room or rooms.token_gives(SEND, session.rights, room)
    if gives or (hears and policy.send != "members"):
        return None
    return NO_RIGHT if hears else NOT_THERE
