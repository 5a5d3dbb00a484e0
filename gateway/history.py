"""EDGE op 30: pages of older messages, asked of the store."""

from functools import partial
from json import dumps
from typing import TYPE_CHECKING

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import read_reply
from gateway.asks import FORBIDDEN, AskRefused, Budget, HistoryWish, read_history_wish
from gateway.room_denial import room_denial
from gateway.session import Ask, State
from schemas.messages_pb2 import HistoryReply, HistoryRequest, StoredMessage
from schemas.operations import Operation
from schemas.rooms import HISTORY

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

UNAVAILABLE = (503, "unavailable", "that can't be looked up right now", "later", 1)
NO_MEMBER = (FORBIDDEN, "anonymous", "only a member has direct messages, or something to read")


class History:
    """Pages for the clients of this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._unavailable = RareLog("history_unavailable")

    def ask(self, connection: "Connection", action: Ask) -> None:
        """Ask for a page; it is answered with op 31, other frames may be answered before."""
        session, wish = connection.session, None
        try:
            wish = read_history_wish(action.body, self._gateway.settings.limits.history_messages)
            self._check_right(connection, wish)
            begin(self._gateway, connection)
        except AskRefused as refused:
            self._refuse(connection, action, wish, refused)
            return
        request = HistoryRequest(
            room=wish.room,
            mid=session.mid if wish.peer else 0,
            peer=wish.peer,
            before=wish.before,
            limit=wish.limit,
            most_bytes=self._gateway.settings.limits.history_bytes,
        )
        bus = self._gateway.bus
        bus.request(
            bus.subjects.rpc("store", "history"),
            request.SerializeToString(),
            partial(self._receive, connection, action, wish),
        )

    def _receive(
        self, connection: "Connection", action: Ask, wish: HistoryWish, reply: Reply
    ) -> None:
        if not end(connection):
            return
        try:
            self._check_right(connection, wish)  # it may have ended meanwhile
            answer = read_reply(reply, HistoryReply)
        except AskRefused as refused:
            self._refuse(connection, action, wish, refused)
        except (BusError, RpcError) as error:
            self._refuse(connection, action, wish, refusal_of(error, self._unavailable))
        else:
            body = dumps(wish.named | _page(answer), ensure_ascii=False).encode(errors="replace")
            _answer(connection, action, body)

    def _check_right(self, connection: "Connection", wish: HistoryWish) -> None:
        """Raises AskRefused where the client may not read that."""
        gateway, session = self._gateway, connection.session
        if wish.peer:
            if session.mid <= 0:
                raise AskRefused(*NO_MEMBER)
            return
        policy_of, book = gateway.policies.of, gateway.rooms.book
        denied = room_denial(HISTORY, session.mid, session.rights, wish.room, policy_of, book)
        if denied is not None:
            refused = AskRefused(FORBIDDEN, denied.reason, denied.words)
            refused.error |= gateway.rooms.error(denied)
            raise refused

    def _refuse(
        self,
        connection: "Connection",
        action: Ask,
        wish: HistoryWish | None,
        refused: AskRefused,
    ) -> None:
        self._gateway.counters.refused[refused.rule] += 1
        named = wish.named if wish is not None else {}
        body = dumps(named | {"error": refused.error}, ensure_ascii=False).encode(errors="replace")
        _answer(connection, action, body)


def begin(gateway: "Gateway", connection: "Connection") -> None:
    """Count a request against what a connection may ask at a time. Raises AskRefused."""
    limits, now = gateway.settings.limits, gateway.loop.time()
    asks = connection.session.asks
    if asks is None:
        asks = connection.session.asks = Budget(now, limits.asks_burst)
    asks.take(now, limits.asks_per_second, limits.asks_burst, limits.asks_at_once)


def end(connection: "Connection") -> bool:
    """Count that a request is answered; False: nobody is there any more to get it."""
    asks = connection.session.asks
    assert asks is not None
    asks.under_way -= 1
    return connection.session.state is State.OPEN


def refusal_of(error: BusError | RpcError, unavailable: RareLog) -> AskRefused:
    """Return what a client is told when the store does not answer, or says no."""
    if isinstance(error, RpcError) and error.code < 500:
        return AskRefused(error.code, error.reason, error.message, error.retry, error.after)
    unavailable.warning(error=str(error))
    return AskRefused(*UNAVAILABLE)


def _page(answer: HistoryReply) -> dict[str, object]:
    page = answer.page
    values: dict[str, object] = {"messages": list(map(_message, page.messages)), "more": page.more}
    if answer.gone_to and not page.more:
        values["gap"] = answer.gone_to
    return values


def _message(message: StoredMessage) -> dict[str, object]:
    try:
        name, text = "body", message.body.decode()
    except UnicodeDecodeError:
        name, text = "bytes", message.body.decode("latin-1")
    values: dict[str, object] = {
        "sequence": message.sequence,
        "operation": message.operation,
        "time": message.time_ms,
        "from": message.sender,
    }
    if message.recipient:
        values["to"] = message.recipient
    return values | {name: text}


def _answer(connection: "Connection", action: Ask, body: bytes) -> None:
    connection.send_frame(Operation.HISTORY_REPLY, body, action.version, action.sequence)
