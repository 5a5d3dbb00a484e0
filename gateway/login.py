"""EDGE from an auth frame to a seat: ask `goim.auth.check`, apply the limits, enter the room."""

from functools import partial
from json import dumps
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bus.connection import Reply as Answer
from bus.logs import RareLog
from gateway.catch_up import CatchUp
from gateway.connection_keys import make_key
from gateway.fanout import EXT
from gateway.grants import Grant, GrantUnreadable, TokenRefused, read_grant
from gateway.session import CheckToken, Reply, State
from gateway.topic import Topic
from schemas.close_codes import CloseCode
from schemas.operations import Operation

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

MAX_KEY_BYTES = 256
MEMBER, ALL = "member", "all"  # what these topics are called in `resume`
encode_json = msgspec.json.Encoder().encode
EXT_MARK = '"ext"'  # in the auth body of a client that asks for extensions


class Login:
    """Token checks of this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._subject = gateway.bus.subjects.rpc("auth", "check")
        self._unavailable = RareLog("auth_unavailable")
        settings = gateway.settings
        beat, ext_beat = settings.heartbeat_seconds, settings.ext_heartbeat_seconds
        # and the idle time allowed, one object for all connections
        self._beat = beat, float(beat * settings.heartbeats_missed)
        self._ext_beat = ext_beat, float(ext_beat * settings.ext_heartbeats_missed)

    def check(self, connection: "Connection", action: CheckToken) -> None:
        """Ask who the client is; it is answered with op 8, or closed."""
        try:
            token = action.body.decode()
        except UnicodeDecodeError:
            connection.close(CloseCode.TOKEN_REFUSED, "the auth body is not UTF-8")
            return
        gateway = self._gateway
        if EXT_MARK in token:
            connection.kind |= EXT  # so that a refusal can be told
        values = {
            "token": token,
            "gateway": gateway.id,
            "address": connection.address,
            "transport": connection.transport_name,
            "cookie": connection.cookie,
        }
        connection.cookie = ""
        on_reply = partial(self._receive, connection, action)
        gateway.bus.request(self._subject, encode_json(values), on_reply)

    def _receive(self, connection: "Connection", action: CheckToken, reply: Answer) -> None:
        if connection.session.state is not State.CHECKING:
            return  # closed meanwhile
        if reply.error is not None:
            self._turn_away(connection, str(reply.error))
            return
        try:
            grant = read_grant(reply.payload)
        except TokenRefused as refused:
            number = refused.number or CloseCode.TOKEN_REFUSED.number
            connection.close(CloseCode.of(number), refused.words)
        except GrantUnreadable as error:
            self._turn_away(connection, f"the answer is no grant: {error}")
        else:
            self._admit(connection, action, grant)

    def _turn_away(self, connection: "Connection", why: str) -> None:
        self._unavailable.warning(error=why)
        self._gateway.counters.refused["auth_unavailable"] += 1
        connection.close(CloseCode.AUTH_UNAVAILABLE)

    def _admit(self, connection: "Connection", action: CheckToken, grant: Grant) -> None:
        gateway, session = self._gateway, connection.session
        key = grant.key or make_key()
        if grant.room:
            refusal = gateway.rooms.obstacle(grant.mid, grant.rooms, grant.room)
            if refusal is not None:
                gateway.counters.refused["room_refused"] += 1
                connection.close(CloseCode.ROOM_REFUSED, refusal.words)
                return
        code = self._obstacle(connection, grant, key)
        if code is not None:
            gateway.counters.refused[code.name.lower()] += 1
            connection.close(code)
            return
        beat, idle = self._ext_beat if grant.ext else self._beat
        now = gateway.loop.time()
        session.granted(grant, key, now, gateway.wall_time(), idle)
        if session.deadline < connection.watched:
            gateway.deadlines.watch(connection, now)
        session.devices = gateway.settings.devices.of(grant.devices, grant.role)
        connection.kind = connection.base_kind | (EXT if grant.ext else 0)
        gateway.hub.add(connection, key, grant.mid)
        catch_ups, refused = self._enter(connection, grant)
        entered = _Entered(action, beat, bool(grant.join), refused, catch_ups)
        gateway.interest.when_heard(connection, partial(self._open, connection, entered))

    def _enter(
        self, connection: "Connection", grant: Grant
    ) -> tuple[list[CatchUp], dict[str, object]]:
        """Hold the topics of the connection; what it lacks of them is asked for later.

        Returns that, and why it does not hear the rooms that it wanted to.
        """
        gateway = self._gateway
        catch_ups = []
        if grant.mid > 0:
            topic = gateway.interest.hold_member(connection, grant.mid)
            catch_ups.append(self._prepare(connection, topic, MEMBER, grant))
        topic = gateway.interest.hold_all(connection)
        catch_ups.append(self._prepare(connection, topic, ALL, grant))
        for room, position in grant.resume.items():
            elsewhere = position >= 0 and room not in (MEMBER, ALL, grant.room, *grant.join)
            if elsewhere and gateway.rooms.obstacle(grant.mid, grant.rooms, room) is None:
                connection.remember(room, position)
        if grant.room:
            told = grant.resume.get(grant.room)
            catch_up = gateway.moves.enter(connection, grant.room, told)
            if catch_up is not None:
                catch_ups.append(catch_up)
        if not grant.ext:
            return catch_ups, {}
        further, refused = gateway.moves.enter_all(connection, grant.join, grant.resume)
        return [*catch_ups, *further], refused

    def _open(self, connection: "Connection", entered: "_Entered") -> None:
        """Tell the client that it is in; then what it lacks, and its next frames."""
        if connection.session.state is not State.OPEN:
            return  # closed meanwhile
        action = entered.action
        body = _welcome(connection, entered) if connection.session.ext else b""
        reply = Reply(Operation.AUTH_REPLY, body, action.version, action.sequence)
        self._gateway.carry_out(connection, reply)
        connection.session.answered()
        for catch_up in entered.catch_ups:
            self._gateway.catching_up.begin(catch_up)
        self._gateway.presence.note_joined(connection)
        connection.go_on()

    def _obstacle(self, connection: "Connection", grant: Grant, key: str) -> CloseCode | None:
        """Say why this grant gets no seat here; an older connection with its key is closed."""
        gateway = self._gateway
        if len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
            return CloseCode.TOKEN_REFUSED
        older = gateway.hub.by_key.get(key)
        if older is not None and older is not connection:
            if older.session.mid > 0 and older.session.mid != grant.mid:
                return CloseCode.REPLACED
            older.close(CloseCode.REPLACED)
        if grant.mid > 0 and not gateway.hub.member_has_place(grant.mid):
            return CloseCode.TOO_MANY_CONNECTIONS
        return None

    def _prepare(self, connection: "Connection", topic: Topic, label: str, grant: Grant) -> CatchUp:
        told = grant.resume.get(label)
        after = told if told is not None and told >= 0 else None
        newest = -told if told is not None and told < 0 else 0
        return self._gateway.catching_up.prepare(connection, topic, after, newest)


class _Entered(NamedTuple):
    """What a login has come to before it is told."""

    action: CheckToken
    beat: int
    asked_rooms: bool
    refused: dict[str, object]  # further rooms
    catch_ups: list[CatchUp]


def _welcome(connection: "Connection", entered: _Entered) -> bytes:
    """Return the body of op 8 for an `ext` client."""
    session = connection.session
    values: dict[str, object] = {
        "key": session.key,
        "room": session.room,
        "mid": session.mid,
        "heartbeat": entered.beat,
        "ext": 1,
        "device": session.device,
    }
    if entered.asked_rooms:
        values["rooms"] = session.rooms
        values["refused"] = entered.refused
    return dumps(values, ensure_ascii=False).encode()
