"""DECIDE goim's nine HTTP routes: query in, request to the router; its reply in, goim's answer out.

Bytes as goim v2 answers (`internal/logic/http`, gin 1.7), checked by tests/vectors/goim_http.json.
Where goim is better not followed:

    online/top with a limit below 0    400 with words; goim fails with 500 and no body
    a `;` or a bad escape              400 with words where it hits a parameter of the route
    text that is not UTF-8             400 with words
    a room id that can't exist         400 with words (empty or over 128 bytes, subjects.py)
    keys and online, router away       the words that goim leaves out

Beyond goim: `detail=1` adds what happened to a push, `id` makes repeats of a push harmless.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from google.protobuf.message import Message

from gateway.go_text import ParameterRefused, Query, redirect_page
from gateway.goim_answers import (
    HTML,
    REQUEST_ERROR,
    SERVER_ERROR,
    Answer,
    instances_data,
    rooms_data,
    success,
    success_in_detail,
    success_with,
    top_data,
    total_data,
    weighted_data,
)
from schemas.messages_pb2 import (
    InstancesReply,
    InstancesRequest,
    PushReply,
    PushRequest,
    RoomsReply,
    RoomsRequest,
    TopReply,
    TopRequest,
    TotalReply,
    TotalRequest,
    WeightedReply,
    WeightedRequest,
)
from schemas.subjects import IdRefused, room_topic

INT32_MOST = 2**31 - 1
_PUSH_ID = re.compile(r"[\x21-\x7e]{1,128}")


class NoKeys(Exception):
    """A push to keys names none: goim answers 200 with code -400 and no words."""


class Route(NamedTuple):
    """One of goim's routes and the NATS request that answers it.

    `ask(query, address)` returns the request, or None when nobody need be asked: then
    `data` is given an empty reply. It raises ParameterRefused or NoKeys.
    """

    method: str
    service: str
    endpoint: str
    reply_type: type[Message]
    failure_code: int
    ask: Callable[[Query, str], Message | None]
    data: Callable[[Any, Query], object] | None = None

    @property
    def pushes(self) -> bool:
        """True when the request's body is a message."""
        return self.service == "pushes"


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a decoded path."""
    route = ROUTES.get(path)
    return route if route is not None and route.method == method else None


def slash_redirect(method: str, path: str, query: bytes) -> Answer | None:
    """Return the redirect to the same route without its final slash, as gin does."""
    if not path.endswith("/") or find_route(method, path[:-1]) is None:
        return None
    tail = "".join(chr(byte) if byte < 0x80 else f"%{byte:02x}" for byte in query)
    location = f"{path[:-1]}?{tail}" if tail else path[:-1]
    if method == "GET":
        return Answer(301, redirect_page(location), HTML, location)
    return Answer(307, b"", "", location)


def answer(route: Route, reply: Message, query: Query) -> Answer:
    """Return what goim answers when it worked."""
    if route.data is not None:
        return success_with(route.data(reply, query))
    if isinstance(reply, PushReply) and query.text("detail") == "1":
        return success_in_detail(reply)
    return success()


def _ask_keys(query: Query, address: str) -> PushRequest | None:
    operation, keys = query.integer("operation", 32), query.texts("keys")
    request = _push(query, operation=operation, keys=[key for key in keys if key])
    if not keys:
        raise NoKeys
    return request if request.keys else None


def _ask_mids(query: Query, address: str) -> PushRequest | None:
    operation, mids = query.integer("operation", 32), query.integers("mids", 64)
    members = [mid for mid in dict.fromkeys(mids) if mid > 0]
    request = _push(query, operation=operation, mids=members)
    return request if members else None


def _ask_room(query: Query, address: str) -> PushRequest:
    operation = query.integer("operation", 32)
    room_type, room = query.text("type"), query.text("room")
    _require(Op=operation, Type=room_type, Room=room)
    try:
        room_topic(_room_id(room_type, room))
    except IdRefused as error:
        raise ParameterRefused(str(error)) from None
    return _push(query, operation=operation, type=room_type, room=room)


def _ask_all(query: Query, address: str) -> PushRequest:
    operation, speed = query.integer("operation", 32), query.integer("speed", 32)
    _require(Op=operation)
    return _push(query, operation=operation, speed=speed)


def _ask_top(query: Query, address: str) -> TopRequest:
    room_type, limit = query.text("type"), query.integer("limit", 64)
    _require(Type=room_type, Limit=limit)
    if limit < 0:
        raise ParameterRefused(f"limit must be over 0, not {limit}")
    return TopRequest(type=room_type, limit=min(limit, INT32_MOST))


def _ask_rooms(query: Query, address: str) -> RoomsRequest | None:
    room_type = query.text("type")
    _require(Type=room_type, Rooms=query.has("rooms"))
    rooms = [_room_id(room_type, room) for room in dict.fromkeys(query.texts("rooms"))]
    possible = [room for room in rooms if _can_exist(room)]
    return RoomsRequest(rooms=possible) if possible else None


def _ask_total(query: Query, address: str) -> TotalRequest:
    return TotalRequest()


def _ask_weighted(query: Query, address: str) -> WeightedRequest:
    return WeightedRequest(platform=query.text("platform"), address=address)


def _ask_instances(query: Query, address: str) -> InstancesRequest:
    return InstancesRequest()


def _push(query: Query, **fields: Any) -> PushRequest:
    """Return the request, with what is beyond goim read too, so that nothing is refused later."""
    query.text("detail")
    if not query.has("id"):
        return PushRequest(**fields)
    push_id = query.text("id")
    if not _PUSH_ID.fullmatch(push_id):
        raise ParameterRefused("id must be 1 to 128 visible ASCII characters")
    return PushRequest(**fields, id=push_id)


def _require(**values: object) -> None:
    """Raise ParameterRefused for all that are 0, empty or absent, in gin's words."""
    lines: Iterable[str] = (
        f"Key: '{name}' Error:Field validation for '{name}' failed on the 'required' tag"
        for name, value in values.items()
        if not value
    )
    if text := "\n".join(lines):
        raise ParameterRefused(text)


def _room_id(room_type: str, name: str) -> str:
    return f"{room_type}://{name}"


def _can_exist(room: str) -> bool:
    try:
        room_topic(room)
    except IdRefused:
        return False
    return True


ROUTES = {
    "/goim/push/keys": Route("POST", "pushes", "keys", PushReply, REQUEST_ERROR, _ask_keys),
    "/goim/push/mids": Route("POST", "pushes", "mids", PushReply, SERVER_ERROR, _ask_mids),
    "/goim/push/room": Route("POST", "pushes", "room", PushReply, SERVER_ERROR, _ask_room),
    "/goim/push/all": Route("POST", "pushes", "all", PushReply, SERVER_ERROR, _ask_all),
    "/goim/online/top": Route(
        "GET", "presence", "top", TopReply, REQUEST_ERROR, _ask_top, top_data
    ),
    "/goim/online/room": Route(
        "GET", "presence", "rooms", RoomsReply, REQUEST_ERROR, _ask_rooms, rooms_data
    ),
    "/goim/online/total": Route(
        "GET", "presence", "total", TotalReply, REQUEST_ERROR, _ask_total, total_data
    ),
    "/goim/nodes/weighted": Route(
        "GET", "nodes", "weighted", WeightedReply, SERVER_ERROR, _ask_weighted, weighted_data
    ),
    "/goim/nodes/instances": Route(
        "GET", "nodes", "instances", InstancesReply, SERVER_ERROR, _ask_instances, instances_data
    ),
}
