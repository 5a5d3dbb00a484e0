"""DECIDE what a call makes of a room's record: the record before in, a Deed out, or RoomRefused.

`actor` is the member who asks; 0 is a service, which ranks with the owner. The records and the
rights that follow from them are in schemas/rooms.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from router.errors import RoomReason, RoomRefused
from schemas.policies import Policy
from schemas.rooms import (
    CLOSED,
    INVITATION,
    KICKED,
    LEFT,
    MOST_DEPARTURES,
    RECEIVE,
    Departure,
    Happening,
    Restriction,
    RoomRecord,
    denial,
)

SERVICE = 0
SERVICES_ONLY = "services"
Restrictions = Mapping[int, Restriction]


class Rank(IntEnum):
    """What somebody is in a room; a higher one may do all that a lower one may."""

    STRANGER = 0
    INVITED = 1
    MEMBER = 2
    ADMIN = 3
    OWNER = 4


@dataclass(frozen=True, slots=True)
class Deed:
    """What becomes of a room. Without an `event` nothing changes."""

    record: RoomRecord
    event: str = ""
    subject: int = 0  # whom it was done to; 0: the room
    reason: str = ""
    until: int = 0


def noted(deed: Deed, actor: int, now: float) -> Deed:
    """Return the deed with what happened in the record itself; unchanged without an event."""
    if not deed.event:
        return deed
    last = Happening(deed.event, actor, deed.subject, deed.reason, deed.until, int(now * 1000))
    named = _named(deed.record, deed, actor)
    return replace(deed, record=replace(named, last=last))


def _named(record: RoomRecord, deed: Deed, actor: int) -> RoomRecord:
    """Return the record with who banned or muted, where that is an operator."""
    if deed.event == "banned":
        one = record.banned[deed.subject]._replace(by=actor)
        return replace(record, banned={**record.banned, deed.subject: one})
    if deed.event == "muted":
        one = record.muted[deed.subject]._replace(by=actor)
        return replace(record, muted={**record.muted, deed.subject: one})
    return record


def rank_of(record: RoomRecord, mid: int) -> Rank:
    """Return what a member is in the room; a service counts as the owner."""
    if mid in (SERVICE, record.owner):
        return Rank.OWNER
    if mid in record.admins:
        return Rank.ADMIN
    if mid in record.members:
        return Rank.MEMBER
    return Rank.INVITED if mid in record.invited else Rank.STRANGER


def open_room(
    record: RoomRecord | None, actor: int, wanted: RoomRecord, policy: Policy, owned: int
) -> Deed:
    """A room gets a record, or its owner opens it again. `owned`: rooms the owner has already."""
    if record is not None:
        if record.access != CLOSED or rank_of(record, actor) < Rank.OWNER:
            raise RoomRefused(RoomReason.ROOM_EXISTS)
        reopened = replace(record, access=wanted.access, senders=wanted.senders)
        return Deed(reopened, "opened")
    if actor != SERVICE and policy.opened_by == SERVICES_ONLY:
        raise RoomRefused(RoomReason.OPENED_BY_SERVICES)
    if actor != SERVICE and owned >= policy.most_owned:
        raise RoomRefused(RoomReason.TOO_MANY_ROOMS)
    members = frozenset({wanted.owner}) if wanted.owner else frozenset()
    return Deed(replace(wanted, members=members), "opened", wanted.owner)


def close_room(record: RoomRecord, actor: int, reason: str) -> Deed:
    """Everybody leaves, nobody may enter, until the owner opens it again."""
    _need(record, actor, Rank.OWNER)
    if record.access == CLOSED:
        return Deed(record)
    return Deed(replace(record, access=CLOSED), "closed", reason=reason)


def rename(record: RoomRecord, actor: int, name: str) -> Deed:
    """The room is called something else."""
    _need(record, actor, Rank.ADMIN)
    if record.name == name:
        return Deed(record)
    return Deed(replace(record, name=name), "renamed")


def describe(record: RoomRecord, actor: int, description: str) -> Deed:
    """The room has another description."""
    _need(record, actor, Rank.ADMIN)
    if record.description == description:
        return Deed(record)
    return Deed(replace(record, description=description), "described")


def regulate(record: RoomRecord, actor: int, access: str, senders: str) -> Deed:
    """Change who may enter and who may send; `""`: as it is. A closed room is opened by `open`."""
    _need(record, actor, Rank.OWNER)
    if record.access == CLOSED:
        raise RoomRefused(RoomReason.ROOM_CLOSED)
    changed = replace(record, access=access or record.access, senders=senders or record.senders)
    return Deed(changed, "" if changed == record else "regulated")


def join(record: RoomRecord, actor: int, policy: Policy, now: float) -> Deed:
    """A member comes to the list: of a public room, or one that it was invited to."""
    _need_member_number(actor)
    if actor in record.members:
        return Deed(record)
    open_to_it = record if actor not in record.invited else with_member(record, actor)
    refusal = denial(open_to_it, RECEIVE, actor, now)
    if refusal is not None:
        if refusal.reason == "not_a_member":
            raise RoomRefused(RoomReason.NOT_INVITED)
        raise RoomRefused.of(refusal, now)
    if len(record.members) >= policy.most_members:
        raise RoomRefused(RoomReason.ROOM_FULL)
    return Deed(with_member(record, actor), "joined", actor)


def leave(record: RoomRecord, actor: int) -> Deed:
    """A member goes off the list, an invitation is declined."""
    _need_member_number(actor)
    if actor == record.owner:
        raise RoomRefused(RoomReason.OWNER_STAYS)
    if actor in record.invited and actor not in record.members:
        return Deed(replace(record, invited=record.invited - {actor}), "declined", actor)
    if actor not in record.members:
        return Deed(record)
    return Deed(_departed(record, actor, LEFT, ""), "left", actor)


def invite(record: RoomRecord, actor: int, mid: int, policy: Policy, now: float) -> Deed:
    """A member may join from now on."""
    _need_member_number(mid)
    _need(record, actor, Rank.ADMIN)
    if mid in record.members or mid in record.invited:
        return Deed(record)
    ban = record.banned.get(mid)
    if ban is not None and ban.holds(now):
        raise RoomRefused(RoomReason.MEMBER_BANNED)
    if len(record.invited) >= policy.most_members:
        raise RoomRefused(RoomReason.LIST_FULL)
    return Deed(replace(record, invited=record.invited | {mid}), "invited", mid)


def kick(record: RoomRecord, actor: int, mid: int, reason: str) -> Deed:
    """A member is put out; it may come back as far as the room's access lets it."""
    _need_power(record, actor, mid)
    if record.access == INVITATION and rank_of(record, mid) == Rank.STRANGER:
        raise RoomRefused(RoomReason.MEMBER_UNKNOWN)
    return Deed(_departed(record, mid, KICKED, reason), "kicked", mid, reason)


def ban(
    record: RoomRecord, actor: int, mid: int, until: int, reason: str, policy: Policy, now: float
) -> Deed:
    """A member is put out and may not come back until then (unix seconds, 0: ever)."""
    _need_power(record, actor, mid)
    banned = _restricted(record.banned, mid, Restriction(until, actor, reason), policy, now)
    changed = replace(
        record,
        banned=banned,
        members=record.members - {mid},
        admins=record.admins - {mid},
        invited=record.invited - {mid},
    )
    return Deed(changed, "banned", mid, reason, until)


def unban(record: RoomRecord, actor: int, mid: int) -> Deed:
    """A ban is over."""
    _need_member_number(mid)
    _need(record, actor, Rank.ADMIN)
    if mid not in record.banned:
        return Deed(record)
    return Deed(replace(record, banned=_without(record.banned, mid)), "unbanned", mid)


def mute(
    record: RoomRecord, actor: int, mid: int, until: int, reason: str, policy: Policy, now: float
) -> Deed:
    """A member may read but not send until then (unix seconds, 0: ever)."""
    _need_power(record, actor, mid)
    muted = _restricted(record.muted, mid, Restriction(until, actor, reason), policy, now)
    return Deed(replace(record, muted=muted), "muted", mid, reason, until)


def unmute(record: RoomRecord, actor: int, mid: int) -> Deed:
    """A mute is over."""
    _need_member_number(mid)
    _need(record, actor, Rank.ADMIN)
    if mid not in record.muted:
        return Deed(record)
    return Deed(replace(record, muted=_without(record.muted, mid)), "unmuted", mid)


def promote(record: RoomRecord, actor: int, mid: int) -> Deed:
    """A member becomes an admin."""
    _need(record, actor, Rank.OWNER)
    _need_to_be_member(record, mid)
    if rank_of(record, mid) >= Rank.ADMIN:
        return Deed(record)
    return Deed(replace(record, admins=record.admins | {mid}), "promoted", mid)


def demote(record: RoomRecord, actor: int, mid: int) -> Deed:
    """An admin becomes a member."""
    _need(record, actor, Rank.OWNER)
    _need_to_be_member(record, mid)
    if mid not in record.admins:
        return Deed(record)
    return Deed(replace(record, admins=record.admins - {mid}), "demoted", mid)


def hand_over(record: RoomRecord, actor: int, mid: int) -> Deed:
    """A member becomes the owner, the owner an admin."""
    _need(record, actor, Rank.OWNER)
    _need_to_be_member(record, mid)
    if mid == record.owner:
        return Deed(record)
    admins = (record.admins | {record.owner} if record.owner else record.admins) - {mid}
    return Deed(replace(record, owner=mid, admins=admins), "handed_over", mid)


def with_member(record: RoomRecord, mid: int) -> RoomRecord:
    """Return the record with one member more."""
    return replace(record, members=record.members | {mid}, invited=record.invited - {mid})


def _departed(record: RoomRecord, mid: int, why: str, reason: str) -> RoomRecord:
    departure = Departure(record.last_departure + 1, mid, why, reason)
    return replace(
        record,
        members=record.members - {mid},
        admins=record.admins - {mid},
        invited=record.invited - {mid},
        departures=(*record.departures, departure)[-MOST_DEPARTURES:],
    )


def _restricted(
    known: Restrictions, mid: int, one: Restriction, policy: Policy, now: float
) -> Restrictions:
    """Return the list with one more, and without those that are over."""
    still = {other: held for other, held in known.items() if held.holds(now)}
    if mid not in still and len(still) >= policy.most_members:
        raise RoomRefused(RoomReason.LIST_FULL)
    return still | {mid: one}


def _without(known: Restrictions, mid: int) -> Restrictions:
    return {other: held for other, held in known.items() if other != mid}


def _need(record: RoomRecord, actor: int, rank: Rank) -> None:
    if rank_of(record, actor) < rank:
        raise RoomRefused(RoomReason.NOT_OWNER if rank == Rank.OWNER else RoomReason.NOT_ADMIN)


def _need_power(record: RoomRecord, actor: int, mid: int) -> None:
    """Return when the actor may put the member out, ban or mute it."""
    _need_member_number(mid)
    _need(record, actor, Rank.ADMIN)
    if mid == record.owner or rank_of(record, mid) >= rank_of(record, actor):
        raise RoomRefused(RoomReason.OUTRANKED)


def _need_to_be_member(record: RoomRecord, mid: int) -> None:
    _need_member_number(mid)
    if mid not in record.members:
        raise RoomRefused(RoomReason.MEMBER_UNKNOWN)


def _need_member_number(mid: int) -> None:
    if mid <= 0:
        raise RoomRefused(RoomReason.BAD_FIELD, "a member's number is over 0")
