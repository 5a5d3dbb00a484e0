"""DECIDE how presence is written in Redis: key names, session rows, who is live.

`lua/presence.lua` lists the keys. All of them begin with one hash tag, `{goim}`, so that a Redis
cluster keeps them on one node.
"""

from typing import Any, NamedTuple

import msgspec

from schemas.messages_pb2 import Session


class _Row(msgspec.Struct, array_like=True):
    key: str
    mid: str
    room: str
    platform: str
    since_ms: int
    device: str = ""
    devices: str = ""
    rooms: list[str] = []
    since_us: int = 0


class Edge(msgspec.Struct, array_like=True):
    """A member came online or went offline: an event that waits to be published."""

    number: int
    mid: str
    what: str
    time_ms: int
    seen_ms: int
    device: str
    platform: str
    since_ms: int


class Seen(msgspec.Struct, array_like=True):
    """The session of a member that left last, and when."""

    time_ms: int
    device: str
    platform: str
    since_ms: int


_row_decoder = msgspec.json.Decoder(_Row)
_edge_decoder = msgspec.json.Decoder(Edge)
_seen_decoder = msgspec.json.Decoder(Seen)


class PresenceKeys:
    """The names of the Redis keys under one subject prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = f"{{{prefix}}}"
        self.leases = f"{self.prefix}:leases"
        self.nodes = f"{self.prefix}:nodes"
        self.owners = f"{self.prefix}:keys"
        self.online = f"{self.prefix}:online"
        self.leaving = f"{self.prefix}:leaving"
        self.edges = f"{self.prefix}:edges"
        self.told = f"{self.prefix}:told"
        self.restoring = f"{self.prefix}:restoring"

    def sessions(self, gateway: str) -> str:
        """The hash of a gateway's session rows."""
        return f"{self.prefix}:sessions:{gateway}"

    def rooms(self, gateway: str) -> str:
        """The hash of members per room on a gateway."""
        return f"{self.prefix}:rooms:{gateway}"

    def member(self, mid: int) -> str:
        """The set of a member's sessions."""
        return f"{self.prefix}:member:{mid}"

    def seen(self, mid: int) -> str:
        """The session of a member that left last."""
        return f"{self.prefix}:seen:{mid}"

    def room(self, room: str) -> str:
        """The set of sessions in a room."""
        return f"{self.prefix}:room:{room}"

    def rate(self, name: str) -> str:
        """The token bucket of one sender."""
        return f"{self.prefix}:rate:{name}"


class Leases(NamedTuple):
    """The gateways whose lease has not ended, with the end in unix milliseconds."""

    ends: dict[str, float]

    def holds(self, session: str) -> bool:
        """Tell whether the session's gateway is live."""
        return gateway_of(session) in self.ends


def gateway_of(session: str) -> str:
    """Return the gateway in a session id, `<gateway>.<number>`."""
    return session.rpartition(".")[0] or session


def read_leases(time: Any, rows: Any) -> Leases:
    """Return who is live, from the answers of TIME and ZRANGE ... WITHSCORES (RESP3)."""
    now = int(time[0]) * 1000 + int(time[1]) // 1000
    return Leases({name.decode(): float(end) for name, end in rows if float(end) > now})


def encode_row(session: Session, late_ms: int = 0) -> bytes:
    """Return what is stored of a session; its id is the field's name.

    `late_ms` corrects a gateway's clock that is wrong.
    """
    row = _Row(
        session.key,
        str(session.mid),
        session.room,
        session.platform,
        session.since_ms + late_ms,
        session.device,
        session.devices,
        list(session.rooms),
        session.since_us and session.since_us + late_ms * 1000,
    )
    return msgspec.json.encode(row)


def decode_row(session: str, row: bytes) -> Session:
    """Return the session of a stored row, its gateway filled in."""
    stored = _row_decoder.decode(row)
    return Session(
        session=session,
        key=stored.key,
        mid=int(stored.mid),
        room=stored.room,
        platform=stored.platform,
        since_ms=stored.since_ms,
        gateway=gateway_of(session),
        device=stored.device,
        rooms=stored.rooms,
    )


def decode_edge(text: bytes) -> Edge:
    """Return an event that waits to be published."""
    return _edge_decoder.decode(text)


def decode_seen(text: bytes) -> Seen:
    """Return which session of a member left last."""
    return _seen_decoder.decode(text)


def encode_seen(seen: Seen) -> bytes:
    """Return what is stored of it."""
    return msgspec.json.encode(seen)


def owner_session(owner: bytes) -> str:
    """Return the session that owns a key, from its row `mid session`."""
    return owner.decode().partition(" ")[2]
