"""EDGE goim's HTTP API: guards a request, reads its body, asks the router, answers as goim does.

It answers all paths that the app has no other route for, as goim's server does, with 404.
"""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from bus.errors import BusError, RpcError
from gateway.go_text import ParameterRefused, Query
from gateway.goim_answers import (
    NOT_FOUND,
    REQUEST_ERROR,
    Answer,
    failure,
    parameter_refusal,
)
from gateway.goim_http import NoKeys, Route, answer, find_route, slash_redirect
from gateway.http_body import BodyTooLarge, BodyTooSlow, HttpBody
from gateway.http_state import (
    THE_KEY,
    TOO_MANY,
    HttpState,
    TooManyRequests,
    address_of,
    response,
    too_many_pushes,
)
from schemas.messages_pb2 import PushRequest

TOO_LARGE = 413
CROSS_SITE = "pushes from pages of another site are refused here (Sec-Fetch-Site: cross-site)"


class GoimApi:
    """An ASGI app. On a `trusted` listener no key is asked for."""

    def __init__(self, state: HttpState, trusted: bool) -> None:
        self._state = state
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request. Raises ClientGone."""
        request = Request(scope, receive)
        settings = self._state.settings
        body = HttpBody(request, settings.max_body_bytes, settings.body_seconds)
        given = await self._answer(request, body)
        if not body.ended:
            await body.discard()
        await response(given, close=not body.ended)(scope, receive, send)

    async def _answer(self, request: Request, body: HttpBody) -> Answer:
        method, path = request.method, request.scope["path"]
        raw_query = request.scope["query_string"]
        route = find_route(method, path)
        if route is None:
            return slash_redirect(method, path, raw_query) or NOT_FOUND
        refusal = self._refusal(request) or self._rate_refusal(route)
        if refusal is not None:
            return refusal
        try:
            with self._state.place():
                return await self._carry_out(route, Query(raw_query), request, body)
        except ParameterRefused as error:
            return parameter_refusal(str(error))
        except NoKeys:
            return failure(REQUEST_ERROR, "")
        except TooManyRequests as error:
            return failure(-503, str(error), 503)
        except BodyTooLarge as error:
            self._state.refused["too_large"] += 1
            return failure(-TOO_LARGE, str(error), TOO_LARGE)
        except BodyTooSlow as error:
            self._state.refused["too_slow"] += 1
            return failure(-408, str(error), 408)
        except RpcError as error:
            return _rpc_failure(route, error)
        except BusError as error:
            return failure(route.failure_code, str(error))

    async def _carry_out(
        self, route: Route, query: Query, request: Request, body: HttpBody
    ) -> Answer:
        asked = route.ask(query, address_of(request))
        message = await body.read() if route.pushes else b""
        if asked is None:
            return answer(route, route.reply_type(), query)
        if isinstance(asked, PushRequest):
            asked.body = message
        reply = await self._state.ask(route.service, route.endpoint, asked, route.reply_type)
        return answer(route, reply, query)

    def _refusal(self, request: Request) -> Answer | None:
        if not self._trusted:
            return self._state.key_refusal(request)
        if request.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
            self._state.refused["cross_site"] += 1
            return failure(-403, CROSS_SITE, 403)
        return None

    def _rate_refusal(self, route: Route) -> Answer | None:
        wait = 0.0 if self._trusted or not route.pushes else self._state.push_wait(THE_KEY)
        return failure(-TOO_MANY, too_many_pushes(wait), TOO_MANY) if wait else None


def _rpc_failure(route: Route, error: RpcError) -> Answer:
    """A refusal of what was asked is the caller's affair, anything else is ours."""
    if error.code == TOO_LARGE:
        return failure(-TOO_LARGE, error.message, TOO_LARGE)
    if 400 <= error.code < 500:
        return parameter_refusal(error.message)
    return failure(route.failure_code, error.message)
