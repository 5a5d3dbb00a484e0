"""EDGE account calls by HTTP: `POST /api/v1/accounts/<call>`.

What a caller is known by is not believed from the body: the address is the connection's, the
token the one of `Authorization: Bearer`.
"""

from typing import Any

from starlette.requests import Request

from gateway.callers import bearer_token
from gateway.calls_http import CallsHttp
from gateway.http_state import HttpState, address_of
from schemas.account_calls import ACCOUNT_CALLS
from schemas.call import Call


class AccountsHttp(CallsHttp):
    """The routes of one app."""

    def __init__(self, state: HttpState) -> None:
        super().__init__(state, ACCOUNT_CALLS)

    async def answer(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what auth answers; it knows members by their tokens itself."""
        known = {"address": address_of(request), "token": bearer_token(request)}
        fields = call.request.DESCRIPTOR.fields_by_name
        return await self.ask(
            call, {**asked, **{name: known[name] for name in known if name in fields}}
        )
