"""EDGE account calls by HTTP: `POST /api/v1/accounts/<call>`.

What a caller is known by is not believed from the body: the address is the connection's, the
token the one of `Authorization: Bearer`.
"""

from typing import Any

from starlette.requests import Request

from gateway.calls_http import CallsHttp
from gateway.http_state import HttpState, address_of
from schemas.calls import ACCOUNT_CALLS, FROM_HTTP, Call


class AccountsHttp(CallsHttp):
    """The routes of one app."""

    def __init__(self, state: HttpState) -> None:
        super().__init__(state, ACCOUNT_CALLS)

    async def known(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the fields FROM_HTTP that the call has."""
        known = {"address": address_of(request), "token": bearer_token(request)}
        return {
            name: known[name]
            for name in FROM_HTTP
            if name in call.request.DESCRIPTOR.fields_by_name
        }


def bearer_token(request: Request) -> str:
    """Return the token of `Authorization: Bearer`, `""` without one."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
