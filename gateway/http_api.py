"""EDGE the gateway's HTTP: goim's API, health, metrics, presence and the page, as Starlette apps.

    app = make_app(state, trusted=False)    $PORT: a key opens goim's API and /metrics
    app = make_app(state, trusted=True)     GOIM_HTTP_PORT: no key is asked for, and no page

`goim_api.py` serves goim's nine routes (what they say is decided in `goim_http.py`), the calls of
schemas/calls.py are in `accounts_http.py`, `rooms_http.py`, `presence_http.py`, `store_http.py`,
`operators_http.py`, the rest is in `management_http.py`; `http_state.py` is what all share.
"""

from collections.abc import Iterable
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.accounts_http import AccountsHttp
from gateway.api_documents import document_routes
from gateway.callers import Callers
from gateway.goim_answers import SERVER_ERROR, failure
from gateway.goim_api import GoimApi
from gateway.goim_http import ROUTES
from gateway.http_body import ClientGone
from gateway.http_state import HttpState, response
from gateway.management_http import Management, page_routes
from gateway.operators_http import OperatorsHttp
from gateway.page_files import FOLDER
from gateway.presence_http import PresenceHttp
from gateway.proxies import HEADER
from gateway.rooms_http import RoomsHttp
from gateway.settings import HttpSettings
from gateway.store_http import StoreHttp

__all__ = ["HttpSettings", "HttpState", "make_app"]

log = structlog.get_logger()

OTHER_ROUTE = "other"  # label of all paths that nothing is served at
CLIENT_GONE_STATUS = 499  # nginx's number for it; never sent
NO_SNIFFING = (b"x-content-type-options", b"nosniff")


def make_app(state: HttpState, trusted: bool, page_folder: Path = FOLDER) -> Starlette:
    """Return the app of one listener."""
    routes = Management(state, trusted).routes() + AccountsHttp(state).routes()
    callers = Callers(state, trusted)
    for kind in (RoomsHttp, PresenceHttp, StoreHttp, OperatorsHttp):
        routes += kind(state, callers).routes()
    routes += document_routes(state.bus.subjects)
    if not trusted:
        routes += page_routes(page_folder)
    paths = frozenset(ROUTES) | {route.path for route in routes}
    accounting = Middleware(Accounting, state=state, paths=paths)
    app = Starlette(routes=_one_a_path(routes), middleware=[accounting])
    app.router.redirect_slashes = False
    app.router.default = GoimApi(state, trusted)
    return app


def _one_a_path(routes: Iterable[Route]) -> list[Route]:
    """Join the routes of each path: a method that it has not is told of all that it has (405)."""
    by_path: dict[str, list[Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, []).append(route)
    return [same[0] if len(same) == 1 else _joined(same) for same in by_path.values()]


def _joined(routes: list[Route]) -> Route:
    endpoints = {method: route.endpoint for route in routes for method in route.methods or ()}

    async def endpoint(request: Request) -> Response:
        answer: Response = await endpoints[request.method](request)
        return answer

    return Route(routes[0].path, endpoint, methods=list(endpoints))


class Accounting:
    """ASGI middleware: says who asks, counts each request once, answers our own faults with 500."""

    def __init__(self, app: ASGIApp, state: HttpState, paths: frozenset[str]) -> None:
        self._app = app
        self._state = state
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "websocket":  # the gateway's WebSocket never comes this way
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._state.proxies and scope["client"]:
            forwarded = [value for name, value in scope["headers"] if name == HEADER]
            peer, port = scope["client"]
            scope["client"] = (self._state.proxies.client_address(peer, forwarded), port)
        status = 0
        route = scope["path"] if scope["path"] in self._paths else OTHER_ROUTE

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], NO_SNIFFING]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except ClientGone:
            return
        except Exception:
            log.exception("http_request_failed", route=route)
            if not status:
                fault = failure(SERVER_ERROR, "an error on our side", 500)
                await response(fault, close=True)(scope, receive, send_counted)
        finally:
            self._state.requests[route, status or CLIENT_GONE_STATUS] += 1
