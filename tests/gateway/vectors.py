"""goim's captured frames (tests/vectors/goim.json) as bytes."""

from json import loads
from pathlib import Path
from typing import NamedTuple


class Vector(NamedTuple):
    """One captured exchange: what is sent on each transport, and what goim answers there."""

    tcp: bytes
    websocket: bytes
    reply_tcp: bytes | None
    reply_websocket: bytes | None


def _read() -> dict[str, Vector]:
    path = Path(__file__).parent.parent / "vectors" / "goim.json"
    names = ("hex", "ws_hex", "reply_hex_tcp", "reply_hex_ws")
    return {
        one["id"]: Vector(
            bytes.fromhex(one.get("hex", "")),
            bytes.fromhex(one.get("ws_hex", "")),
            *(bytes.fromhex(one[name]) if name in one else None for name in names[2:]),
        )
        for one in loads(path.read_text())["vectors"]
    }


VECTORS = _read()
