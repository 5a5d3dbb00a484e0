"""Reports of gateways, as the router gets them."""

from collections.abc import Iterable

from schemas.messages_pb2 import Node, PresenceReport, Session


def session(
    gateway: str,
    number: int,
    key: str = "",
    mid: int = 0,
    room: str = "",
    since_ms: int = 1_764_000_000_000,
    rooms: Iterable[str] = (),
) -> Session:
    """A session of a gateway; its key is unique unless told."""
    name = f"{gateway}.{number}"
    return Session(
        session=name,
        key=key or f"key of {name}",
        mid=mid,
        room=room,
        platform="web",
        since_ms=since_ms,
        rooms=rooms,
    )


def node(gateway: str, **fields: object) -> Node:
    """A gateway as it describes itself."""
    values: dict[str, object] = {
        "gateway": gateway,
        "hostname": f"host-{gateway}",
        "addresses": [f"{gateway}.example"],
        "tcp_port": 3101,
        "ws_port": 3102,
        "weight": 10,
    }
    return Node(**(values | fields))  # type: ignore[arg-type]


def snapshot(
    gateway: str, *sessions: Session, rooms: dict[str, int] | None = None, **fields: object
) -> PresenceReport:
    """A first report with everything."""
    return report(gateway, *sessions, rooms=rooms, snapshot=True, **fields)


def report(
    gateway: str, *joined: Session, rooms: dict[str, int] | None = None, **fields: object
) -> PresenceReport:
    """A report; `sessions` is how many are joined unless told."""
    values: dict[str, object] = {
        "node": node(gateway),
        "joined": joined,
        "rooms": rooms or {},
        "sessions": len(joined),
    }
    return PresenceReport(**(values | fields))  # type: ignore[arg-type]
