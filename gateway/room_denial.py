"""DECIDE why a member may not do something in a room: its token and the room's record are asked.

What the token's rights (to hear a room: or its type) give, the record may still deny.
"""

from collections.abc import Callable, Iterable

from bus.rooms import RoomBook
from gateway.grants import RoomRight
from schemas.close_codes import CloseCode
from schemas.policies import Policy
from schemas.rooms import RECEIVE, Denial
from schemas.subjects import IdRefused, room_topic, topic_room_type

TOKEN_FORBIDS = Denial("token_forbids", CloseCode.ROOM_REFUSED.words)


def room_denial(
    right: str,
    mid: int,
    rights: Iterable[RoomRight],
    room: str,
    policy_of: Callable[[str], Policy],
    book: RoomBook | None,
) -> Denial | None:
    """Return why not, None when the member may. `book` None: no room has a record."""
    try:
        topic = room_topic(room)
    except IdRefused:
        return TOKEN_FORBIDS
    is_open = right == RECEIVE and policy_of(topic_room_type(topic)).open
    if not is_open and not any(getattr(one, right) and one.covers(room) for one in rights):
        return TOKEN_FORBIDS
    return None if book is None else book.denial(right, mid, topic)
