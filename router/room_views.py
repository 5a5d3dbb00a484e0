"""DECIDE what a caller is told of a room."""

from collections.abc import Mapping

from router.rooms import Rank, rank_of
from schemas.messages_pb2 import Restriction as RestrictionMessage
from schemas.messages_pb2 import Room, RoomEvent
from schemas.rooms import PUBLIC, Restriction, RoomRecord
from schemas.subjects import topic_room

ROLES = {Rank.OWNER: "owner", Rank.ADMIN: "admin", Rank.MEMBER: "member", Rank.INVITED: "invited"}


def brief_view(topic: str, record: RoomRecord, revision: int, actor: int) -> Room:
    """Return the room as lists show it, without names of members."""
    return Room(
        room=topic_room(topic),
        name=record.name,
        description=record.description,
        access=record.access,
        senders=record.senders,
        owner=record.owner,
        member_count=len(record.members),
        created_at=record.created_at,
        revision=revision,
        role=ROLES.get(rank_of(record, actor), "") if actor else "",
    )


def full_view(
    topic: str, record: RoomRecord, revision: int, actor: int, power: int, now: float
) -> Room:
    """Return the room as far as who asks may know it; an operator's `power` is a service's."""
    room = brief_view(topic, record, revision, actor)
    rank = rank_of(record, power)
    if rank >= Rank.MEMBER:
        room.admins.extend(sorted(record.admins))
        room.members.extend(sorted(record.members))
    if rank >= Rank.ADMIN:
        room.invited.extend(sorted(record.invited))
        room.banned.extend(_restrictions(record.banned, now))
        room.muted.extend(_restrictions(record.muted, now))
    return room


def is_visible(record: RoomRecord, actor: int) -> bool:
    """Tell whether the actor may know that there is such a room."""
    return record.access == PUBLIC or rank_of(record, actor) >= Rank.INVITED


def is_found(record: RoomRecord, topic: str, text: str) -> bool:
    """Tell whether a folded text is in the room's id, name or description."""
    words = f"{topic_room(topic)}\n{record.name}\n{record.description}"
    return text in words.casefold()


def event_of(topic: str, record: RoomRecord, revision: int) -> RoomEvent:
    """Return the event of the change that made a record what it is; it must have one."""
    last = record.last
    assert last is not None
    return RoomEvent(
        event=last.event,
        room=topic_room(topic),
        actor=last.actor,
        subject=last.subject,
        reason=last.reason,
        until=last.until,
        time_ms=last.time_ms,
        revision=revision,
    )


def _restrictions(known: Mapping[int, Restriction], now: float) -> list[RestrictionMessage]:
    return [
        RestrictionMessage(mid=mid, until=one.until, reason=one.reason, by=one.by)
        for mid, one in sorted(known.items())
        if one.holds(now)
    ]
