"""EDGE calls about rooms by HTTP: `POST /api/v1/rooms/<call>`.

Who asks is never believed from the body: an access token stands for its member, in rooms that it
opens. For a service (callers.py) `actor` is the caller's word, and 0 is the service itself.
"""

from typing import Any

from starlette.requests import Request

from gateway.callers import Callers
from gateway.calls_http import CallsHttp
from gateway.grants import Grant
from gateway.http_state import HttpState
from schemas.call import Call
from schemas.close_codes import CloseCode
from schemas.room_calls import ROOM_CALLS
from schemas.rooms import RECEIVE
from schemas.subjects import IdRefused, room_topic, topic_room_type


class RoomsHttp(CallsHttp):
    """The routes of one app."""

    def __init__(self, state: HttpState, callers: Callers) -> None:
        super().__init__(state, ROOM_CALLS)
        self._callers = callers

    async def answer(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the router answers to this actor."""
        grant = await self._callers.identify(request)
        if grant is None:
            return await self.ask(call, asked)
        room = asked.get("room")
        if isinstance(room, str) and room and not self._opens(grant, room):
            raise self._callers.refusal(403, "token_forbids", CloseCode.ROOM_REFUSED.words)
        return await self.ask(call, {**asked, "actor": str(grant.mid)})

    def _opens(self, grant: Grant, room: str) -> bool:
        """Tell whether the token or the room's type lets its member be in the room."""
        try:
            room_type = topic_room_type(room_topic(room))
        except IdRefused:
            return True  # the router says what is wrong with it
        return grant.may(RECEIVE, room) or self.state.policy_of(room_type).open
