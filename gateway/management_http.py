"""EDGE what is beside goim's API: health, metrics, presence and the page."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bus.errors import BusError, RpcError
from gateway.go_text import ParameterRefused, Query, encode_json, parse_integer
from gateway.goim_answers import JSON, TEXT, Answer, failure
from gateway.http_body import BodyTooLarge
from gateway.http_state import HttpState, TooManyRequests, response
from gateway.page_files import PageFile, is_current, read_page
from schemas.messages_pb2 import (
    MemberPresence,
    MembersReply,
    MembersRequest,
    TotalReply,
    TotalRequest,
    WhoReply,
    WhoRequest,
)
from schemas.presence_reads import MEMBERS, ROOM, TOTAL
from schemas.subjects import IdRefused, room_topic

WHO_LIMIT, WHO_LIMIT_MOST = 100, 500  # sessions told of a room

Endpoint = Callable[[Request], Awaitable[Response]]


class Management:
    """The endpoints of one app; on a `trusted` listener no key is asked for."""

    def __init__(self, state: HttpState, trusted: bool) -> None:
        self._state = state
        self._trusted = trusted

    def routes(self) -> list[Route]:
        """Return the routes; each takes GET and HEAD."""
        return [
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            Route("/metrics", self._metrics),
            Route(ROOM.path, self._presence(self._room)),
            Route(TOTAL.path, self._presence(self._total)),
            Route(MEMBERS.path, self._presence(self._members)),
        ]

    async def _health(self, request: Request) -> Response:
        return response(Answer(200, b"ok", TEXT))

    async def _readiness(self, request: Request) -> Response:
        reasons = self._state.ready()
        told = encode_json({"ready": not reasons, "reasons": reasons})
        return response(Answer(503 if reasons else 200, told, JSON))

    async def _metrics(self, request: Request) -> Response:
        refusal = None if self._trusted else self._state.key_refusal(request)
        if refusal is not None:
            return response(refusal)
        return response(Answer(200, self._state.metrics.render(), CONTENT_TYPE_LATEST))

    def _presence(self, tell: Callable[[Query], Awaitable[object]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            is_open = self._trusted or self._state.settings.presence_open
            refusal = None if is_open else self._state.key_refusal(request)
            if refusal is None:
                refusal = await self._told(tell, Query(request.scope["query_string"]))
            return response(refusal)

        return endpoint

    async def _told(self, tell: Callable[[Query], Awaitable[object]], query: Query) -> Answer:
        try:
            with self._state.place():
                return Answer(200, encode_json(await tell(query)), JSON)
        except (ParameterRefused, IdRefused, BodyTooLarge) as error:
            return failure(-400, str(error), 400)
        except RpcError as error:
            status = 400 if 400 <= error.code < 500 else 503
            return failure(-status, error.message, status)
        except (BusError, TooManyRequests) as error:
            return failure(-503, str(error), 503)

    async def _room(self, query: Query) -> object:
        """Who is in a room: never keys or addresses, since a key is what one pushes to."""
        room, limit = query.text("room"), query.integer("limit", 32)
        if not room:
            raise ParameterRefused("room is missing, such as room=live://1000")
        if not 0 <= limit <= WHO_LIMIT_MOST:
            raise ParameterRefused(f"limit must be 1 to {WHO_LIMIT_MOST}, not {limit}")
        room_topic(room)
        asked = WhoRequest(room=room, limit=limit or WHO_LIMIT)
        reply = await self._state.ask("presence", "who", asked, WhoReply)
        sessions = [
            {"mid": one.mid, "platform": one.platform, "since_ms": one.since_ms}
            for one in reply.sessions
        ]
        return {"found": reply.found, "sessions": sessions}

    async def _members(self, query: Query) -> object:
        """Whether members are online, when they were seen last, and with which devices."""
        texts = [text for value in query.texts("mids") for text in value.split(",")]
        asked = MembersRequest(mids=[parse_integer(text, 64) for text in texts])
        reply = await self._state.ask("presence", "members", asked, MembersReply)
        return {"members": [_member(one) for one in reply.members]}

    async def _total(self, query: Query) -> object:
        reply = await self._state.ask("presence", "total", TotalRequest(), TotalReply)
        return {"connections": reply.connections, "client_addresses": reply.client_addresses}


def _member(presence: MemberPresence) -> object:
    devices = [
        {"device": one.device, "platform": one.platform, "since_ms": one.since_ms}
        for one in presence.devices
    ]
    return {
        "mid": presence.mid,
        "online": presence.online,
        "last_seen_ms": presence.last_seen_ms,
        "devices": devices,
    }


def page_routes(folder: Path) -> list[Route]:
    """Return a route for each file of the page, `/` for its index."""
    return [Route(path, _page_endpoint(file)) for path, file in read_page(folder).items()]


def _page_endpoint(file: PageFile) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if is_current(file, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=file.headers)
        return Response(file.body, headers=file.headers)

    return endpoint
