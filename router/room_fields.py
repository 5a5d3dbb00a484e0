"""DECIDE the fields of a room call: text in, what may be stored out, or RoomRefused."""

import re
from unicodedata import category

from router.errors import RoomReason, RoomRefused
from schemas.policies import Policy
from schemas.rooms import ACCESSES, CLOSED, SENDERS
from schemas.subjects import IdRefused, room_topic

MOST_DESCRIPTION = 1000  # characters
MOST_REASON = 200
MOST_TEXT = 200  # of a search
MOST_SECONDS = 10 * 366 * 86_400
INVISIBLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHOWN_ROOM = re.compile(r"[^/:]+://.+", re.DOTALL)


def settle_room(room: str) -> str:
    """Return the topic of a room id. Only `type://id` can have a record."""
    if not _SHOWN_ROOM.fullmatch(room[:1024]):
        raise RoomRefused(RoomReason.BAD_ROOM)
    try:
        return room_topic(room)
    except IdRefused as refused:
        raise RoomRefused(RoomReason.BAD_ROOM, str(refused)) from None


def settle_actor(actor: int) -> int:
    """Return who asks: a member, or 0 for a service."""
    if actor < 0:
        raise RoomRefused(RoomReason.BAD_FIELD, "actor is a member's number, or 0 for a service")
    return actor


def settle_name(name: str, policy: Policy) -> str:
    """Return a room's name, which may be empty."""
    name = name.strip()
    if len(name) > policy.most_name or any(category(one) in INVISIBLE for one in name):
        words = f"a name has at most {policy.most_name} characters, all of them visible"
        raise RoomRefused(RoomReason.BAD_NAME, words)
    return name


def settle_description(description: str) -> str:
    """Return a description of one or several lines."""
    return _text("description", description.strip(), MOST_DESCRIPTION, "\n\t")


def settle_reason(reason: str) -> str:
    """Return why something was done, in one line."""
    return _text("reason", reason.strip(), MOST_REASON)


def settle_text(text: str) -> str:
    """Return what is searched for."""
    return _text("text", text, MOST_TEXT).casefold()


def settle_access(access: str, default: str) -> str:
    """Return who may enter; closing has a call of its own."""
    access = access or default
    if access and (access == CLOSED or access not in ACCESSES):
        raise RoomRefused(RoomReason.BAD_FIELD, "access is public or invitation")
    return access


def settle_senders(senders: str, default: str) -> str:
    """Return who may send."""
    senders = senders or default
    if senders and senders not in SENDERS:
        raise RoomRefused(RoomReason.BAD_FIELD, f"senders is one of {', '.join(SENDERS)}")
    return senders


def settle_until(seconds: int, now: float) -> int:
    """Return when a ban or mute of so many seconds ends (unix seconds); 0 for good."""
    if seconds > MOST_SECONDS:
        raise RoomRefused(RoomReason.BAD_FIELD, f"seconds may be {MOST_SECONDS}; 0 is for good")
    return int(now) + seconds if seconds else 0


def _text(what: str, text: str, most: int, allowed: str = "") -> str:
    if len(text) > most:
        raise RoomRefused(RoomReason.BAD_FIELD, f"{what} has at most {most} characters")
    if any(category(one) in INVISIBLE and one not in allowed for one in text):
        raise RoomRefused(RoomReason.BAD_FIELD, f"{what} holds invisible characters")
    return text
