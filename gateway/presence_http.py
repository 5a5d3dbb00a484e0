"""EDGE calls about presence by HTTP: members are told less than services and operators.

A member hears who is in the rooms that it may hear itself, and never a key, an address or a
gateway: a key is what one pushes to.
"""

from typing import Any

from starlette.requests import Request

from gateway.callers import NOT_OPERATOR, OPERATOR, SERVICE, Callers
from gateway.calls_http import CallsHttp, Refused
from gateway.grants import Grant
from gateway.http_state import HttpState
from schemas.call import Call, Caller
from schemas.presence_calls import PRESENCE_CALLS
from schemas.rooms import RECEIVE

MOST_SESSIONS = 500  # of a room, told to a member
TOLD_OF_SESSIONS = ("mid", "platform", "since_ms")


class PresenceHttp(CallsHttp):
    """The routes of one app."""

    def __init__(self, state: HttpState, callers: Callers) -> None:
        super().__init__(state, PRESENCE_CALLS)
        self._callers = callers

    async def answer(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the router answers, as far as the caller may know."""
        grant = await self._callers.identify(request)
        if grant is None or grant.role in (OPERATOR, SERVICE):
            return await self.ask(call, asked)
        if call.caller is Caller.OPERATOR:
            raise self._callers.refusal(403, "not_operator", NOT_OPERATOR)
        if call.name == "who":
            return await self._who(call, grant, asked)
        if call.name == "rooms":
            return await self._rooms(call, grant, asked)
        return await self.ask(call, asked)

    async def _who(self, call: Call, grant: Grant, asked: dict[str, Any]) -> dict[str, Any]:
        room, limit = asked.get("room"), asked.get("limit", 0)
        if not isinstance(room, str) or not room:
            raise Refused(400, "bad_field", "room is missing, such as live://1000")
        denial = self.state.denial(RECEIVE, grant, room)
        if denial is not None:
            raise self._callers.refusal(403, denial.reason, denial.words)
        if not isinstance(limit, int) or not 0 <= limit <= MOST_SESSIONS:
            raise Refused(400, "bad_field", f"limit is 1 to {MOST_SESSIONS}")
        answer = await self.ask(call, {"room": room, "limit": limit})
        sessions = answer.get("sessions", [])
        told = [{name: one[name] for name in TOLD_OF_SESSIONS if name in one} for one in sessions]
        return answer | {"sessions": told} if sessions else answer

    async def _rooms(self, call: Call, grant: Grant, asked: dict[str, Any]) -> dict[str, Any]:
        rooms = asked.get("rooms", [])
        if not isinstance(rooms, list) or not all(isinstance(room, str) for room in rooms):
            raise Refused(400, "bad_field", "rooms is a list of rooms, such as live://1000")
        heard = [room for room in rooms if self.state.denial(RECEIVE, grant, room) is None]
        return await self.ask(call, {"rooms": heard})
