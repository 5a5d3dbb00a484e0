"""All calls of the API, each described once (schemas/call.py)."""

from schemas.account_calls import ACCOUNT_CALLS, CHECK
from schemas.call import Call
from schemas.presence_calls import NODE_CALLS, PRESENCE_CALLS
from schemas.push_calls import PUSH_CALLS
from schemas.room_calls import ROOM_CALLS
from schemas.store_calls import STORE_CALLS

CALLS = (
    *ACCOUNT_CALLS,
    *ROOM_CALLS,
    *PRESENCE_CALLS,
    *NODE_CALLS,
    *PUSH_CALLS,
    *STORE_CALLS,
    CHECK,
)
_BY_NAME = {call.full_name: call for call in CALLS}


def find_call(full_name: str) -> Call:
    """Return the call of a name such as `rooms.open`. Raises KeyError."""
    return _BY_NAME[full_name]
