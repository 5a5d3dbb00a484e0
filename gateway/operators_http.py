"""EDGE calls of services and operators by HTTP: pushes, and which gateways there are."""

from typing import Any

from starlette.requests import Request

from gateway.callers import OPERATOR, SERVICE, Callers
from gateway.calls_http import CallsHttp
from gateway.http_state import HttpState, address_of
from schemas.call import Call, Caller
from schemas.presence_calls import NODE_CALLS
from schemas.push_calls import PUSH_CALLS

JSON_BYTES = 262_144  # of a push beside its body: ten thousand mids with their commas


class OperatorsHttp(CallsHttp):
    """The routes of one app."""

    def __init__(self, state: HttpState, callers: Callers) -> None:
        super().__init__(state, (*PUSH_CALLS, *NODE_CALLS))
        self.most_body_bytes = state.settings.max_body_bytes * 4 // 3 + JSON_BYTES  # base64
        self._callers = callers

    async def answer(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the router answers, to whom may ask."""
        if call.caller is Caller.ANYONE:
            return await self.ask(call, {**asked, "address": address_of(request)})
        await self._callers.identify_operator(request, (OPERATOR, SERVICE))
        return await self.ask(call, asked)
