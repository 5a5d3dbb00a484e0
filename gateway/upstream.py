"""EDGE what clients send: ask the router to publish it, and answer after it is stored."""

from functools import partial
from json import dumps
from typing import TYPE_CHECKING
from urllib.parse import quote

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import read_reply
from gateway.session import SendUpstream, State
from schemas.headers import ID, SESSION, encode_headers
from schemas.messages_pb2 import SendReply
from schemas.operations import Operation
from schemas.subjects import topic_room_type

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

NO_ROOM = (404, "you are in no room")
NO_RIGHT = (403, "your token does not let you send in this room")
UNAVAILABLE = (503, "the message could not be stored right now; send it again")


class Upstream:
    """The way from clients to the router."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._unavailable = RareLog("send_unavailable")

    def send(self, connection: "Connection", action: SendUpstream) -> None:
        """Publish in the room; the client is answered, then its next frame is taken."""
        gateway, session = self._gateway, connection.session
        if not action.room:
            self._refuse(connection, action, *NO_ROOM)
            return
        subject = gateway.bus.subjects.upstream(action.room, session.mid, action.operation)
        topic = gateway.bus.subjects.upstream_parts(subject)[0]
        policy = gateway.policies.of(topic_room_type(topic))
        if policy.send == "members" and not session.may("send", action.room):
            self._refuse(connection, action, *NO_RIGHT)
            return
        headers = {SESSION: connection.session_id}
        if session.ext and action.sequence > 0:
            key = quote(session.key, safe="")  # any text, and a header is a line
            headers[ID] = f"{session.mid}.{key}.{action.sequence}"
        gateway.bus.request(
            subject,
            action.body,
            partial(self._receive, connection, action),
            headers=encode_headers(headers),
        )

    def _receive(self, connection: "Connection", action: SendUpstream, reply: Reply) -> None:
        if connection.session.state is not State.OPEN:
            return
        try:
            answer = read_reply(reply, SendReply)
        except RpcError as refusal:
            self._refuse(connection, action, refusal.code, refusal.message, refusal)
            return
        except BusError as error:
            self._unavailable.warning(error=str(error))
            self._refuse(connection, action, *UNAVAILABLE)
            return
        values: dict[str, object] = {"sequence": answer.sequence}
        if answer.duplicate:
            values["duplicate"] = True
        self._answer(connection, action, values)

    def _refuse(
        self,
        connection: "Connection",
        action: SendUpstream,
        code: int,
        words: str,
        refusal: RpcError | None = None,
    ) -> None:
        self._gateway.counters.refused[f"send_{code}"] += 1
        error: dict[str, object] = {"code": code, "message": words}
        if refusal is not None and refusal.reason:
            error |= {"reason": refusal.reason, "retry": refusal.retry, "after": refusal.after}
        self._answer(connection, action, {"error": error})

    def _answer(
        self, connection: "Connection", action: SendUpstream, values: dict[str, object]
    ) -> None:
        """`ext` clients get op 5; others, as with goim, the same op with an empty body."""
        session = connection.session
        if session.ext:
            body = dumps(values, ensure_ascii=False).encode()
            operation = int(Operation.SEND_MESSAGE_REPLY)
        else:
            operation, body = action.operation, b""
        connection.send_frame(operation, body, action.version, action.sequence)
        session.answered()
        connection.go_on()
