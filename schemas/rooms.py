"""What a room is that has a record, and what it lets a member do.

A room without a record behaves by the policy of its type and the token alone. One with a record
(bucket GOIM_ROOMS, one key a room, JSON) is governed by both: what the token or the type gives,
the record may still deny. Router and gateways follow the bucket in memory (bus/rooms.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import dumps, loads
from math import ceil
from typing import Any, NamedTuple

PUBLIC, INVITATION, CLOSED = ACCESSES = ("public", "invitation", "closed")
MEMBERS, ADMINS = SENDERS = ("members", "admins")
RECEIVE, SEND, HISTORY = RIGHTS = ("receive", "send", "history")
KICKED, LEFT = ("kicked", "left")
MOST_DEPARTURES = 64  # told to gateways that were away from NATS


class RecordUnreadable(ValueError):
    """A value of the bucket is no room's record."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __str__(self) -> str:
        return f"that is no room's record: {self.why}"


class Restriction(NamedTuple):
    """A ban or a mute."""

    until: int = 0  # unix seconds; 0: for good
    by: int = 0  # the member who did it; 0: a service
    reason: str = ""

    def holds(self, now: float) -> bool:
        """Tell whether it is not over yet."""
        return not self.until or now < self.until


class Departure(NamedTuple):
    """A member was put out of the room, or left it: its connections leave too."""

    number: int  # counts up in the room
    mid: int
    why: str  # "kicked" or "left"
    reason: str = ""


class Happening(NamedTuple):
    """The change that made a record what it is: its event can be told again from this."""

    event: str
    actor: int
    subject: int
    reason: str
    until: int
    time_ms: int


class Denial(NamedTuple):
    """Why a record does not let a member do something."""

    reason: str  # a stable word
    words: str
    until: int = 0  # unix seconds; 0: no end is known

    def retry(self, now: float) -> tuple[str, int]:
        """Return when to try again, as close_codes.py has it, and after how many seconds."""
        return ("later", max(1, ceil(self.until - now))) if self.until else ("never", 0)


NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """One room. `members` holds owner and admins too."""

    owner: int = 0  # 0: services look after it
    name: str = ""
    description: str = ""
    access: str = PUBLIC
    senders: str = MEMBERS  # "admins": only owner and admins send
    admins: frozenset[int] = NOBODY
    members: frozenset[int] = NOBODY
    invited: frozenset[int] = NOBODY
    banned: Mapping[int, Restriction] = field(default_factory=dict)
    muted: Mapping[int, Restriction] = field(default_factory=dict)
    departures: tuple[Departure, ...] = ()  # the last ones, oldest first
    created_at: int = 0  # unix seconds
    last: Happening | None = None

    @property
    def last_departure(self) -> int:
        """The number of the last departure, 0 before the first."""
        return self.departures[-1].number if self.departures else 0


def denial(record: RoomRecord, right: str, mid: int, now: float) -> Denial | None:
    """Return why the record denies a right, None when it does not. `now`: unix seconds."""
    if record.access == CLOSED:
        return Denial("room_closed", "the room is closed")
    ban = record.banned.get(mid)
    if ban is not None and ban.holds(now):
        return Denial("banned", _told("you are banned from the room", ban), ban.until)
    if record.access == INVITATION and mid not in record.members:
        return Denial("not_a_member", "the room is for its members")
    return _sending_denial(record, mid, now) if right == SEND else None


def _sending_denial(record: RoomRecord, mid: int, now: float) -> Denial | None:
    mute = record.muted.get(mid)
    if mute is not None and mute.holds(now):
        return Denial("muted", _told("you are muted in the room", mute), mute.until)
    if record.senders == ADMINS and mid != record.owner and mid not in record.admins:
        return Denial("announcements", "only the owner and admins send in this room")
    return None


def _told(words: str, restriction: Restriction) -> str:
    return f"{words}: {restriction.reason}" if restriction.reason else words


def affected(before: RoomRecord | None, after: RoomRecord) -> frozenset[int] | None:
    """Return the members who may have lost the right to be there; None: anybody may have."""
    if before is None or (before.access != after.access and after.access != PUBLIC):
        return None
    banned = {mid for mid, ban in after.banned.items() if before.banned.get(mid) != ban}
    gone = before.members - after.members if after.access == INVITATION else NOBODY
    return frozenset(banned | gone | {one.mid for one in departed(before, after)})


def departed(before: RoomRecord | None, after: RoomRecord) -> list[Departure]:
    """Return who was put out or left between two versions of a record, as far as it is known."""
    known = before.last_departure if before is not None else after.last_departure
    return [one for one in after.departures if one.number > known]


def encode_record(record: RoomRecord) -> bytes:
    """Return the record as the bucket holds it."""
    values = {
        "owner": record.owner,
        "name": record.name,
        "description": record.description,
        "access": record.access,
        "senders": record.senders,
        "admins": sorted(record.admins),
        "members": sorted(record.members),
        "invited": sorted(record.invited),
        "banned": record.banned,
        "muted": record.muted,
        "departures": record.departures,
        "created_at": record.created_at,
        "last": record.last,
    }
    return dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def decode_record(payload: bytes) -> RoomRecord:
    """Return the record that the bucket holds. Raises RecordUnreadable."""
    try:
        return _record(loads(payload))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordUnreadable(f"{type(error).__name__} {error}") from None


def _record(values: dict[str, Any]) -> RoomRecord:
    return RoomRecord(
        owner=_whole(values.get("owner", 0)),
        name=_text(values.get("name", "")),
        description=_text(values.get("description", "")),
        access=_one_of(ACCESSES, values["access"]),
        senders=_one_of(SENDERS, values.get("senders", MEMBERS)),
        admins=_mids(values.get("admins", [])),
        members=_mids(values.get("members", [])),
        invited=_mids(values.get("invited", [])),
        banned=_restrictions(values.get("banned", {})),
        muted=_restrictions(values.get("muted", {})),
        departures=tuple(_departure(*one) for one in values.get("departures", [])),
        created_at=_whole(values.get("created_at", 0)),
        last=_happening(*values["last"]) if values.get("last") is not None else None,
    )


def _restrictions(values: dict[str, Any]) -> dict[int, Restriction]:
    return {int(mid): _restriction(*one) for mid, one in values.items()}


def _restriction(until: Any, by: Any, reason: Any) -> Restriction:
    return Restriction(_whole(until), _whole(by), _text(reason))


def _departure(number: Any, mid: Any, why: Any, reason: Any) -> Departure:
    return Departure(_whole(number), _whole(mid), _one_of((KICKED, LEFT), why), _text(reason))


def _happening(
    event: Any, actor: Any, subject: Any, reason: Any, until: Any, time_ms: Any
) -> Happening:
    numbers = _whole(actor), _whole(subject), _whole(until), _whole(time_ms)
    return Happening(_text(event), *numbers[:2], _text(reason), *numbers[2:])


def _mids(values: Any) -> frozenset[int]:
    if not isinstance(values, list):
        raise TypeError("a list of members is none")
    found = frozenset(values)
    if not all(type(one) is int for one in found):
        raise TypeError("a member's number is none")
    if found and not 0 <= min(found) <= max(found) < 2**63:
        raise ValueError("a member's number is out of range")
    return found


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError("a number is none")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is none")
    value.encode()  # half of a surrogate pair could not be sent on
    return value


def _one_of(choices: tuple[str, ...], value: Any) -> str:
    if value not in choices:
        raise ValueError(f"not one of {', '.join(choices)}")
    return str(value)
