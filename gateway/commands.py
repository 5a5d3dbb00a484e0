"""EDGE what the router tells this gateway: push to connection keys, close connections."""

from typing import TYPE_CHECKING

import structlog
from google.protobuf.message import DecodeError

from bus.errors import BusError
from gateway.catch_up import sender_number
from gateway.fanout import Delivery, encode_deliveries
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import CloseSession, GatewayCommand, KeyPush, KeyPushReply

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

log = structlog.get_logger()

KEY_LABEL = "key"


class Commands:
    """This gateway's own subject."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        bus = gateway.bus
        bus.subscribe(bus.subjects.gateway(gateway.id), self._receive)

    def _receive(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        try:
            command = GatewayCommand.FromString(payload)
        except DecodeError:
            self._gateway.counters.refused["command_unreadable"] += 1
            return
        if command.HasField("push"):
            answer = self._push(command.push)
            if reply:
                try:
                    self._gateway.bus.publish(reply.decode(), answer.SerializeToString())
                except BusError as error:
                    log.warning("command_answer_lost", error=str(error))
        elif command.HasField("close"):
            self._close(command.close)

    def _push(self, push: KeyPush) -> KeyPushReply:
        gateway = self._gateway
        delivery = [Delivery(0, push.operation, push.body)]
        answer = KeyPushReply()
        for key in push.keys:
            connection = gateway.hub.by_key.get(key)
            if connection is None:
                continue
            answer.sessions += 1
            if connection.blocked:
                answer.dropped += 1
                gateway.counters.dropped["slow_connection"] += 1
            elif push.operation in connection.accepts:
                connection.send(encode_deliveries(delivery, connection.kind, KEY_LABEL), 1)
        return answer

    def _close(self, close: CloseSession) -> None:
        code = CloseCode.of(close.code)
        for connection in self._meant(close):
            log.info("client_closed_by_command", session=connection.session_id, code=code.number)
            connection.close(code, close.reason)

    def _meant(self, close: CloseSession) -> list["Connection"]:
        hub = self._gateway.hub
        if close.session:
            connection = hub.connections.get(sender_number(close.session, self._gateway.id))
            return [connection] if connection is not None else []
        if close.key:
            return [hub.by_key[close.key]] if close.key in hub.by_key else []
        held = hub.by_member.get(close.mid, ())
        return [one for one in held if _is_of(one.session.token_id, close.token_id)]


def _is_of(token_id: str, login: str) -> bool:
    """Tell whether a token is meant: by its own name, its login's (before the dot), or none."""
    return login in ("", token_id, token_id.partition(".")[0])
