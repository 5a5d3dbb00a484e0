"""EDGE calls about what is kept by HTTP.

A member reads what it was sent, its direct messages, and rooms that it may read; how far it has
read is its own. Services and operators say in the body whom they mean.
"""

from typing import Any

from starlette.requests import Request

from gateway.callers import OPERATOR, SERVICE, Callers
from gateway.calls_http import CallsHttp, Refused
from gateway.grants import Grant
from gateway.http_state import HttpState
from schemas.call import Call
from schemas.rooms import HISTORY, RECEIVE
from schemas.store_calls import STORE_CALLS
from schemas.subjects import member_topic, room_topic, topic_room


class StoreHttp(CallsHttp):
    """The routes of one app."""

    def __init__(self, state: HttpState, callers: Callers) -> None:
        super().__init__(state, STORE_CALLS)
        self._callers = callers

    async def answer(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the store answers, to whom may ask."""
        grant = await self._callers.identify(request)
        if grant is None or grant.role in (OPERATOR, SERVICE):
            return await self.ask(call, asked)
        asked.pop("session", None)  # only a gateway knows which connection that is
        if call.name == "history":
            return await self._history(call, grant, asked)
        rooms = asked.get("rooms") or ()
        if not isinstance(rooms, list | dict | tuple):
            raise Refused(400, "bad_field", "rooms names rooms such as live://1000")
        for room in rooms:
            self._check(RECEIVE, grant, room)
        return await self.ask(call, {**asked, "mid": str(grant.mid)})

    async def _history(self, call: Call, grant: Grant, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("peer"):
            asked = {**asked, "mid": str(grant.mid), "topic": "", "room": ""}
        elif asked.get("topic") != member_topic(grant.mid):
            room = asked.pop("room", None) or _room_of(asked)
            asked["topic"] = self._check(HISTORY, grant, room)
        answer = await self.ask(call, asked)
        for message in answer.get("page", {}).get("messages", ()):
            message.pop("session", None)
        return answer

    def _check(self, right: str, grant: Grant, room: object) -> str:
        """Return the topic of a room in which the member has a right. Raises Refused."""
        if not isinstance(room, str):
            raise Refused(400, "bad_field", "a room is a text such as live://1000")
        denial = self.state.denial(right, grant, room)
        if denial is not None:
            raise self._callers.refusal(403, denial.reason, denial.words)
        return room_topic(room)


def _room_of(asked: dict[str, Any]) -> str:
    """Return the room whose topic is asked for; a text that is no room for anything else."""
    topic = asked.get("topic")
    try:
        return topic_room(topic) if isinstance(topic, str) else ""
    except ValueError:
        return ""
