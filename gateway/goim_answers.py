"""DECIDE the bytes of goim's HTTP answers (goim v2 `internal/logic/http/result.go`, gin 1.7)."""

from typing import NamedTuple

from gateway.go_text import Query, encode_json, float32
from schemas.messages_pb2 import (
    InstancesReply,
    Node,
    PushReply,
    RoomsReply,
    TopReply,
    TotalReply,
    WeightedReply,
)

OK, REQUEST_ERROR, SERVER_ERROR = 0, -400, -500  # goim's codes
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
NANOSECONDS_PER_MILLISECOND = 1_000_000


class Answer(NamedTuple):
    """An HTTP response; no content type: no such header."""

    status: int
    body: bytes
    content_type: str = JSON
    location: str = ""


NOT_FOUND = Answer(404, b"404 page not found", "text/plain")


def success() -> Answer:
    """Return goim's answer when it worked and there is nothing to tell."""
    return Answer(200, encode_json({"code": OK, "message": ""}))


def success_with(data: object) -> Answer:
    """Return goim's answer with data."""
    return Answer(200, encode_json({"code": OK, "message": "", "data": data}))


def success_in_detail(reply: PushReply) -> Answer:
    """Return what `detail=1` asks for: what happened to a push."""
    detail = {
        "sessions": reply.sessions,
        "stored": list(reply.sequences),
        "dropped": reply.dropped,
    }
    return Answer(200, encode_json({"code": OK, "message": "", "detail": detail}))


def failure(code: int, words: str, status: int = 200) -> Answer:
    """Return goim's answer to a request that could not be carried out."""
    return Answer(status, encode_json({"code": code, "message": words}))


def parameter_refusal(words: str) -> Answer:
    """Return goim's answer to a parameter that can't be used: 400, and called plain text."""
    return failure(REQUEST_ERROR, words, 400)._replace(content_type=TEXT)


def top_data(reply: TopReply, query: Query) -> object:
    """The fullest rooms, by the names that the router gives them, which are goim's."""
    return [{"room_id": one.room, "count": one.count} for one in reply.rooms]


def rooms_data(reply: RoomsReply, query: Query) -> object:
    """The asked rooms, sorted as Go sorts a map, 0 for one that nobody is in."""
    room_type = query.text("type")
    names = sorted(set(query.texts("rooms")))
    return {name: reply.online.get(f"{room_type}://{name}", 0) for name in names}


def total_data(reply: TotalReply, query: Query) -> object:
    """Connections and client addresses."""
    return {"conn_count": reply.connections, "ip_count": reply.client_addresses}


def weighted_data(reply: WeightedReply, query: Query) -> object:
    """Where to connect; goim leaves out what is zero, but for the backoff itself."""
    backoff = {
        "max_delay": reply.backoff.max_delay,
        "base_delay": reply.backoff.base_delay,
        "factor": float32(reply.backoff.factor),
        "jitter": float32(reply.backoff.jitter),
    }
    values = {
        "domain": reply.domain,
        "tcp_port": reply.tcp_port,
        "ws_port": reply.ws_port,
        "wss_port": reply.wss_port,
        "heartbeat": reply.heartbeat,
        "nodes": list(reply.nodes) or [reply.domain],
        "backoff": {name: value for name, value in backoff.items() if value},
        "heartbeat_max": reply.heartbeat_max,
    }
    return {name: value for name, value in values.items() if value or name == "backoff"}


def instances_data(reply: InstancesReply, query: Query) -> object:
    """The nodes; goim says null when there is none."""
    return [_instance(node) for node in reply.nodes] or None


def _instance(node: Node) -> dict[str, object]:
    """A node as an instance of bilibili's discovery, which is what goim lists."""
    transports = (("tcp", node.tcp_port), ("ws", node.ws_port), ("wss", node.wss_port))
    addresses = [
        f"{scheme}://{address}:{port}"
        for address in node.addresses
        for scheme, port in transports
        if port > 0
    ]
    return {
        "region": node.region,
        "zone": node.zone,
        "env": "",
        "appid": "goim.comet",
        "hostname": node.hostname,
        "addrs": addresses,
        "version": node.version,
        "latest_timestamp": node.seen_ms * NANOSECONDS_PER_MILLISECOND,
        "metadata": {
            "addrs": ",".join(node.addresses),
            "conn_count": str(node.connections),
            "gateway": node.gateway,
            "ip_count": str(node.client_addresses),
            "offline": "true" if node.draining else "false",
            "weight": str(node.weight),
        },
    }
