"""EDGE calls of services and operators by HTTP: pushes, and which gateways there are."""

from math import ceil
from typing import Any

from starlette.requests import Request

from bus.limits import KEY_PUSHES
from gateway.callers import OPERATOR, SERVICE, Callers, bearer_token
from gateway.calls_http import CallsHttp, Refused
from gateway.http_state import THE_KEY, TOO_MANY, HttpState, address_of, too_many_pushes
from schemas.call import Call, Caller
from schemas.close_codes import Retry
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
        grant = await self._callers.identify_operator(request, (OPERATOR, SERVICE))
        if call.service == "pushes" and bearer_token(request):
            self._take(THE_KEY if grant is None else f"member {grant.mid}")
        return await self.ask(call, asked)

    def _take(self, whose: str) -> None:
        """Count a push with a key or token. Raises Refused where it is over the rate."""
        wait = self.state.push_wait(whose)
        if wait:
            words = too_many_pushes(wait)
            raise Refused(TOO_MANY, KEY_PUSHES, words, Retry.LATER.value, ceil(wait))
