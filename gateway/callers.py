"""EDGE who makes a call by HTTP: a service, or the member of an access token.

The API key, and on the trusted listener no header at all, is a service. An access token is asked
of `goim.auth.check`, as at a login, so whoever answers there says who it is.
"""

from json import dumps

from starlette.requests import Request

from bus.errors import BusError
from gateway.bearer import check_bearer
from gateway.calls_http import Refused
from gateway.grants import Grant, GrantUnreadable, TokenRefused, read_grant
from gateway.http_state import HttpState, address_of
from schemas.close_codes import CloseCode

OPERATOR, SERVICE = "operator", "service"
NO_TOKEN = "an access token, or the API key, is needed: Authorization: Bearer"
NOT_OPERATOR = "that is for operators: an operator's access token, or the API key"
NOBODYS = "the token is nobody's in particular"


class Callers:
    """Knows callers of one app; on a `trusted` listener no key is asked for."""

    def __init__(self, state: HttpState, trusted: bool) -> None:
        self._state = state
        self._trusted = trusted

    async def identify(self, request: Request) -> Grant | None:
        """Return what the caller's token grants, None for a service. Raises Refused."""
        token = bearer_token(request)
        if self._is_service(request, token):
            return None
        if not token:
            raise self.refusal(401, "key_missing", NO_TOKEN, "token")
        asked = {"token": token, "address": address_of(request), "transport": "http"}
        subject = self._state.bus.subjects.rpc("auth", "check")
        seconds = self._state.settings.request_seconds
        try:
            reply = await self._state.bus.call(subject, dumps(asked).encode(), seconds)
            grant = read_grant(reply.payload)
        except TokenRefused as refused:
            raise self.refusal(401, "token_refused", refused.words, "token") from None
        except (BusError, GrantUnreadable):
            words = CloseCode.AUTH_UNAVAILABLE.words
            raise Refused(503, "auth_unavailable", words, "later") from None
        if grant.mid <= 0:
            raise self.refusal(401, "token_refused", NOBODYS, "token")
        return grant

    async def identify_operator(self, request: Request, roles: tuple[str, ...]) -> Grant | None:
        """Return the grant of a caller with one of these roles, None for a service."""
        grant = await self.identify(request)
        if grant is not None and grant.role not in roles:
            raise self.refusal(403, "not_operator", NOT_OPERATOR)
        return grant

    def refusal(self, code: int, reason: str, words: str, retry: str = "never") -> Refused:
        """Return what to raise, counted."""
        self._state.refused[reason] += 1
        return Refused(code, reason, words, retry)

    def _is_service(self, request: Request, token: str) -> bool:
        if not token:
            return self._trusted
        authorization = request.headers.get("authorization")
        return check_bearer(authorization, self._state.api_key) is None


def bearer_token(request: Request) -> str:
    """Return the token of `Authorization: Bearer`, `""` without one."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
