"""EDGE calls by HTTP: `POST /api/v1/<service>/<call>` becomes a request on NATS.

The body is the request's JSON, the answer is the reply's, with an HTTP status where it says no.
What a caller is known by is never believed from the body: a subclass says what takes its place,
and who is told what.
"""

from abc import ABC, abstractmethod
from json import JSONDecodeError, dumps, loads
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bus.errors import BusError, PayloadTooLarge
from gateway.http_body import BodyTooLarge, BodyTooSlow, HttpBody
from gateway.http_state import HttpState, TooManyRequests
from schemas.call import Call

MOST_BODY_BYTES = 16_384
NO_STORE = {"Cache-Control": "no-store", "Content-Type": "application/json"}  # tokens are in it
CROSS_SITE = "calls from pages of another site are refused here (Sec-Fetch-Site: cross-site)"


class Refused(Exception):
    """The gateway itself says no; `retry` as in schemas/close_codes.py, `after` in seconds."""

    def __init__(
        self, code: int, reason: str, words: str, retry: str = "never", after: int = 0
    ) -> None:
        self.error = {"code": code, "reason": reason, "message": words, "retry": retry}
        if after:
            self.error["after"] = after


class CallsHttp(ABC):
    """The routes of one app for some calls."""

    most_body_bytes = MOST_BODY_BYTES

    def __init__(self, state: HttpState, calls: tuple[Call, ...]) -> None:
        self.state = state
        self._calls = calls

    def routes(self) -> list[Route]:
        """Return a route for each call that is taken by HTTP."""
        return [
            Route(call.path, self._endpoint(call), methods=["POST"])
            for call in self._calls
            if call.is_by_http
        ]

    @abstractmethod
    async def answer(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to this caller: `ask` with what it may ask. Raises Refused."""

    async def ask(self, call: Call, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the service answers. Raises Refused."""
        bus = self.state.bus
        subject = call.subject(bus.subjects)
        try:
            reply = await bus.call(subject, _payload(asked), self.state.settings.request_seconds)
            answer = loads(reply.payload)
        except PayloadTooLarge as error:
            raise self._too_large(error) from None
        except BusError:
            words = f"nobody answers {call.service} calls right now"
            raise Refused(503, "unavailable", words, "later") from None
        except (JSONDecodeError, UnicodeDecodeError):
            answer = None
        if not isinstance(answer, dict):
            raise Refused(500, "internal", "an error on our side", "later")
        return answer

    def _endpoint(self, call: Call) -> Any:
        async def endpoint(request: Request) -> Response:
            body = HttpBody(request, self.most_body_bytes, self.state.settings.body_seconds)
            try:
                answer = await self._answer(call, request, body)
            except Refused as refused:
                answer = {"error": refused.error}
            if not body.ended:
                await body.discard()
            return _response(answer, close=not body.ended)

        return endpoint

    async def _answer(self, call: Call, request: Request, body: HttpBody) -> dict[str, Any]:
        if request.headers.get("sec-fetch-site") == "cross-site":
            self.state.refused["cross_site"] += 1
            raise Refused(403, "cross_site", CROSS_SITE)
        try:
            with self.state.place():
                return await self.answer(call, request, _object(await body.read()))
        except BodyTooLarge as error:
            raise self._too_large(error) from None
        except BodyTooSlow as error:
            self.state.refused["too_slow"] += 1
            raise Refused(408, "too_slow", str(error), "now") from None
        except TooManyRequests as error:
            raise Refused(503, "busy", str(error), "later") from None

    def _too_large(self, error: Exception) -> Refused:
        self.state.refused["too_large"] += 1
        return Refused(413, "too_large", str(error))


def _object(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object; a body of nothing is an empty one. Raises Refused."""
    try:
        asked = loads(body) if body.strip() else {}
        if not isinstance(asked, dict):
            raise ValueError
        return asked
    except (ValueError, RecursionError):
        raise Refused(400, "bad_request", "the body must be a JSON object") from None


def _payload(asked: dict[str, Any]) -> bytes:
    try:
        return dumps(asked).encode()
    except (ValueError, RecursionError):
        raise Refused(400, "bad_request", "the body must be a JSON object") from None


def _response(answer: dict[str, Any], close: bool) -> Response:
    error = answer.get("error")
    headers = dict(NO_STORE)
    status = 200
    if isinstance(error, dict):
        code = error.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        if error.get("after"):
            headers["Retry-After"] = str(error["after"])
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
    if close:
        headers["Connection"] = "close"
    return Response(dumps(answer, ensure_ascii=False).encode(errors="replace"), status, headers)
