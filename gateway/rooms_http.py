"""EDGE calls about rooms by HTTP: `POST /api/v1/rooms/<call>`.

Who asks is never believed from the body: an access token stands for its member (asked of
`goim.auth.check`, as at a login), in rooms that it opens. With the API key, and on the trusted
listener without any header, `actor` is the caller's word, and 0 is a service.
"""

from json import dumps
from typing import Any

from starlette.requests import Request

from bus.errors import BusError
from gateway.accounts_http import bearer_token
from gateway.bearer import check_bearer
from gateway.calls_http import CallsHttp, Refused
from gateway.grants import Grant, GrantUnreadable, TokenRefused, read_grant
from gateway.http_state import HttpState, address_of
from schemas.calls import Call
from schemas.close_codes import CloseCode
from schemas.room_calls import ROOM_CALLS
from schemas.rooms import RECEIVE
from schemas.subjects import IdRefused, room_topic, topic_room_type

NO_TOKEN = "an access token, or the API key, is needed: Authorization: Bearer"


class RoomsHttp(CallsHttp):
    """The routes of one app; on a `trusted` listener no key is asked for."""

    def __init__(self, state: HttpState, trusted: bool) -> None:
        super().__init__(state, ROOM_CALLS)
        self._trusted = trusted

    async def known(self, call: Call, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the actor, unless it is the caller's word."""
        token = bearer_token(request)
        if self._is_service(request, token):
            return {}
        if not token:
            self._state.refused["key_missing"] += 1
            raise Refused(401, "key_missing", NO_TOKEN, "token")
        grant = await self._grant(request, token)
        room = asked.get("room")
        if isinstance(room, str) and room and not self._opens(grant, room):
            self._state.refused["token_forbids"] += 1
            raise Refused(403, "token_forbids", CloseCode.ROOM_REFUSED.words)
        return {"actor": str(grant.mid)}

    def _is_service(self, request: Request, token: str) -> bool:
        if not token:
            return self._trusted
        authorization = request.headers.get("authorization")
        return check_bearer(authorization, self._state.api_key) is None

    async def _grant(self, request: Request, token: str) -> Grant:
        """Return what the token grants to its member. Raises Refused."""
        asked = {"token": token, "address": address_of(request), "transport": "http"}
        subject = self._state.bus.subjects.rpc("auth", "check")
        seconds = self._state.settings.request_seconds
        try:
            reply = await self._state.bus.call(subject, dumps(asked).encode(), seconds)
            grant = read_grant(reply.payload)
        except TokenRefused as refused:
            self._state.refused["token_refused"] += 1
            raise Refused(401, "token_refused", refused.words, "token") from None
        except (BusError, GrantUnreadable):
            words = CloseCode.AUTH_UNAVAILABLE.words
            raise Refused(503, "auth_unavailable", words, "later") from None
        if grant.mid <= 0:
            self._state.refused["token_refused"] += 1
            raise Refused(401, "token_refused", "the token is nobody's in particular", "token")
        return grant

    def _opens(self, grant: Grant, room: str) -> bool:
        """Tell whether the token or the room's type lets its member be in the room."""
        try:
            room_type = topic_room_type(room_topic(room))
        except IdRefused:
            return True  # the router says what is wrong with it
        return grant.may(RECEIVE, room) or self._state.policy_of(room_type).open
