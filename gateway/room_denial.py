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
    if not is_open and not token_gives(right, rights, room, topic, book):
        return TOKEN_FORBIDS
    return None if book is None else book.denial(right, mid, topic)


def token_gives(
    right: str, rights: Iterable[RoomRight], room: str, topic: str, book: RoomBook | None
) -> bool:
    """Tell whether a token gives a right in a room, which a record may still deny."""
    has_record = book is not None and book.held(topic) is not None
    for one in rights:
        if getattr(one, right) and one.covers(room) and (has_record or not one.recorded):
            return True
    return False
