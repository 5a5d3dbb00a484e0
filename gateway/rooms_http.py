"""EDGE calls about rooms by HTTP: `POST /api/v1/rooms/<call>`.

Who asks is never believed from the body: an access token stands for its member, in rooms that it
opens, and an operator's for one who may do anything in any room. For a service (callers.py)
`actor` is the caller's word, and 0 is the service itself.
"""

from typing import Any

from starlette.requests import Request

from gateway.callers import OPERATOR, Callers
from gateway.calls_http import CallsHttp, Refused
from gateway.grants import Grant
from gateway.http_state import HttpState
from gateway.room_denial import token_gives
from schemas.call import Call
from schemas.calls import find_call
from schemas.close_codes import CloseCode
from schemas.room_calls import ROOM_CALLS
from schemas.rooms import RECEIVE
from schemas.subjects import IdRefused, room_topic, topic_room_type

REACH_SECONDS = 1.0
LAST = find_call("store.last")
IN_USE = "the room is used already, by services"


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
        if grant.role == OPERATOR:
            return await self.ask(call, {**asked, "actor": str(grant.mid), "operator": True})
        room = asked.get("room")
        if isinstance(room, str) and room and not self._opens(grant, room):
            raise self._callers.refusal(403, "token_forbids", CloseCode.ROOM_REFUSED.words)
        if call.name == "open" and isinstance(room, str):
            await self._check_unused(grant, room)
        return await self.ask(call, {**asked, "actor": str(grant.mid), "operator": False})

    async def ask(self, call: Call, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the router answers, when this gateway has read what was changed.

        So who has just joined may enter, here at least.
        """
        answer = await super().ask(call, asked)
        room, book = answer.get("room"), self.state.book
        if book is not None and isinstance(room, dict) and answer.get("changed"):
            await book.reach(int(room.get("revision", 0)), REACH_SECONDS)
        return answer

    async def _check_unused(self, grant: Grant, room: str) -> None:
        """Raise Refused where services use a room without a record: they are not to be had so.

        Whose token opens the room as it is may give it a record.
        """
        try:
            topic = room_topic(room)
        except IdRefused:
            return
        book, policy = self.state.book, self.state.policy_of(topic_room_type(topic))
        is_recorded = book is not None and book.held(topic) is not None
        if is_recorded or policy.open or token_gives(RECEIVE, grant.rooms, room, topic, book):
            return
        answer = await self.ask(LAST, {"topics": [topic]})
        if answer.get("error") is not None:
            raise Refused(503, "unavailable", "the store can't tell whether it is used", "later")
        if any(int(sequence) for sequence in answer.get("sequences", [])):
            raise self._callers.refusal(409, "room_exists", IN_USE)

    def _opens(self, grant: Grant, room: str) -> bool:
        """Tell whether the token or the room's type lets its member be in the room."""
        try:
            topic = room_topic(room)
        except IdRefused:
            return True  # the router says what is wrong with it
        is_covered = any(one.receive and one.covers(room) for one in grant.rooms)
        return is_covered or self.state.policy_of(topic_room_type(topic)).open
