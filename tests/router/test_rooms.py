"""What each call makes of a record, and every refusal."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from router import rooms
from router.errors import RoomReason, RoomRefused
from router.rooms import Deed, Rank, rank_of
from schemas.policies import Policy
from schemas.rooms import (
    ADMINS,
    CLOSED,
    INVITATION,
    MOST_DEPARTURES,
    Departure,
    Restriction,
    RoomRecord,
)

NOW = 1000.0
POLICY = Policy(most_members=4, most_owned=2)
SERVICE, OWNER, ADMIN, OTHER_ADMIN, MEMBER, INVITED, STRANGER = 0, 1, 2, 3, 4, 5, 9
ROOM = RoomRecord(
    owner=OWNER,
    access=INVITATION,
    admins=frozenset({ADMIN, OTHER_ADMIN}),
    members=frozenset({OWNER, ADMIN, OTHER_ADMIN, MEMBER}),
    invited=frozenset({INVITED}),
)
ROOMY = replace(POLICY, most_members=100)
Act = Callable[[], Deed]


def reason_of(act: Act) -> str:
    with pytest.raises(RoomRefused) as caught:
        act()
    assert caught.value.reason == caught.value.why.name.lower()
    return caught.value.reason


def test_ranks() -> None:
    ranks = [rank_of(ROOM, mid) for mid in (SERVICE, OWNER, ADMIN, MEMBER, INVITED, STRANGER)]
    assert ranks == [
        Rank.OWNER,
        Rank.OWNER,
        Rank.ADMIN,
        Rank.MEMBER,
        Rank.INVITED,
        Rank.STRANGER,
    ]


def test_a_room_is_opened_with_its_owner_in_it() -> None:
    deed = rooms.open_room(None, OWNER, RoomRecord(owner=OWNER, name="us"), POLICY, 0)
    assert (deed.event, deed.subject, deed.record.name) == ("opened", OWNER, "us")
    assert deed.record.members == frozenset({OWNER})
    by_service = rooms.open_room(None, SERVICE, RoomRecord(), POLICY, 0)
    assert by_service.record.members == frozenset()


def test_who_may_open() -> None:
    wanted, services = RoomRecord(owner=OWNER), replace(POLICY, opened_by="services")
    assert reason_of(lambda: rooms.open_room(ROOM, OWNER, wanted, POLICY, 0)) == "room_exists"
    closed = replace(ROOM, access=CLOSED)
    assert reason_of(lambda: rooms.open_room(closed, ADMIN, wanted, POLICY, 0)) == "room_exists"
    refused = reason_of(lambda: rooms.open_room(None, OWNER, wanted, services, 0))
    assert refused == "opened_by_services"
    assert rooms.open_room(None, SERVICE, wanted, services, 99).event == "opened"
    assert reason_of(lambda: rooms.open_room(None, OWNER, wanted, POLICY, 2)) == "too_many_rooms"


def test_a_closed_room_opens_again_as_it_was() -> None:
    closed = rooms.close_room(ROOM, OWNER, "late").record
    assert closed.access == CLOSED
    assert rooms.close_room(closed, OWNER, "").event == ""
    again = rooms.open_room(closed, OWNER, RoomRecord(access=INVITATION), POLICY, 9)
    assert (again.event, again.record) == ("opened", ROOM)


OWNERS_ONLY: list[Callable[[int], Deed]] = [
    lambda actor: rooms.close_room(ROOM, actor, ""),
    lambda actor: rooms.regulate(ROOM, actor, "public", ""),
    lambda actor: rooms.promote(ROOM, actor, MEMBER),
    lambda actor: rooms.demote(ROOM, actor, ADMIN),
    lambda actor: rooms.hand_over(ROOM, actor, MEMBER),
]
ADMINS_ONLY: list[Callable[[int], Deed]] = [
    lambda actor: rooms.rename(ROOM, actor, "new"),
    lambda actor: rooms.describe(ROOM, actor, "new"),
    lambda actor: rooms.invite(ROOM, actor, STRANGER, POLICY, NOW),
    lambda actor: rooms.kick(ROOM, actor, MEMBER, ""),
    lambda actor: rooms.ban(ROOM, actor, STRANGER, 0, "", POLICY, NOW),
    lambda actor: rooms.mute(ROOM, actor, MEMBER, 0, "", POLICY, NOW),
    lambda actor: rooms.unban(replace(ROOM, banned={MEMBER: Restriction()}), actor, MEMBER),
    lambda actor: rooms.unmute(replace(ROOM, muted={MEMBER: Restriction()}), actor, MEMBER),
]


@pytest.mark.parametrize("act", OWNERS_ONLY)
def test_what_only_the_owner_and_services_do(act: Callable[[int], Deed]) -> None:
    for actor in (ADMIN, MEMBER, INVITED, STRANGER):
        assert reason_of(lambda actor=actor: act(actor)) == "not_owner"  # type: ignore[misc]
    assert act(OWNER).event
    assert act(SERVICE).event


@pytest.mark.parametrize("act", ADMINS_ONLY)
def test_what_only_admins_do(act: Callable[[int], Deed]) -> None:
    for actor in (MEMBER, INVITED, STRANGER):
        assert reason_of(lambda actor=actor: act(actor)) == "not_admin"  # type: ignore[misc]
    assert act(ADMIN).event
    assert act(OWNER).event
    assert act(SERVICE).event


@pytest.mark.parametrize("subject", [OWNER, OTHER_ADMIN, ADMIN])
def test_no_admin_does_it_to_the_owner_or_an_admin(subject: int) -> None:
    for act in (
        lambda: rooms.kick(ROOM, ADMIN, subject, ""),
        lambda: rooms.ban(ROOM, ADMIN, subject, 0, "", POLICY, NOW),
        lambda: rooms.mute(ROOM, ADMIN, subject, 0, "", POLICY, NOW),
    ):
        assert reason_of(act) == "outranked"
    assert reason_of(lambda: rooms.kick(ROOM, OWNER, OWNER, "")) == "outranked"
    assert reason_of(lambda: rooms.kick(ROOM, SERVICE, OWNER, "")) == "outranked"
    assert rooms.kick(ROOM, OWNER, ADMIN, "").record.admins == frozenset({OTHER_ADMIN})


def test_joining_by_invitation() -> None:
    joined = rooms.join(ROOM, INVITED, ROOMY, NOW)
    assert (joined.event, joined.subject) == ("joined", INVITED)
    assert INVITED in joined.record.members
    assert joined.record.invited == frozenset()
    assert rooms.join(ROOM, MEMBER, POLICY, NOW).event == ""
    assert reason_of(lambda: rooms.join(ROOM, STRANGER, POLICY, NOW)) == "not_invited"
    assert reason_of(lambda: rooms.join(ROOM, INVITED, POLICY, NOW)) == "room_full"
    assert reason_of(lambda: rooms.join(ROOM, 0, POLICY, NOW)) == "bad_field"
    closed = replace(ROOM, access=CLOSED)
    assert reason_of(lambda: rooms.join(closed, INVITED, ROOMY, NOW)) == "room_closed"
    assert rooms.join(replace(ROOM, access="public"), STRANGER, ROOMY, NOW).event == "joined"


def test_a_ban_puts_out_and_keeps_out_until_it_ends() -> None:
    banned = rooms.ban(ROOM, ADMIN, MEMBER, 1060, "spam", POLICY, NOW)
    assert (banned.event, banned.subject, banned.reason, banned.until) == (
        "banned",
        MEMBER,
        "spam",
        1060,
    )
    assert MEMBER not in banned.record.members
    with pytest.raises(RoomRefused) as caught:
        rooms.join(banned.record, MEMBER, POLICY, NOW)
    told = caught.value
    assert (told.reason, told.retry, told.after) == ("banned", "later", 60)
    assert told.message == "you are banned from the room: spam"
    invite = reason_of(lambda: rooms.invite(banned.record, OWNER, MEMBER, POLICY, NOW))
    assert invite == "member_banned"
    assert rooms.invite(banned.record, OWNER, MEMBER, POLICY, NOW + 60).event == "invited"
    unbanned = rooms.unban(banned.record, ADMIN, MEMBER)
    assert (unbanned.event, unbanned.record.banned) == ("unbanned", {})
    assert rooms.unban(unbanned.record, ADMIN, MEMBER).event == ""


def test_mutes_come_and_go_and_those_that_are_over_make_room() -> None:
    room = ROOM
    for mid in (11, 12, 13, 14):
        room = rooms.mute(room, ADMIN, mid, 1060, "", POLICY, NOW).record
    full = reason_of(lambda: rooms.mute(room, ADMIN, 15, 0, "", POLICY, NOW))
    assert full == "list_full"
    assert rooms.mute(room, ADMIN, 14, 0, "", POLICY, NOW).event == "muted"
    later = rooms.mute(room, ADMIN, 15, 0, "", POLICY, NOW + 60)
    assert set(later.record.muted) == {15}
    assert rooms.unmute(later.record, ADMIN, 15).record.muted == {}
    assert rooms.unmute(later.record, ADMIN, 99).event == ""


def test_leaving_and_kicking_are_departures() -> None:
    left = rooms.leave(ROOM, MEMBER)
    assert (left.event, left.record.departures) == ("left", (Departure(1, MEMBER, "left"),))
    kicked = rooms.kick(left.record, OWNER, ADMIN, "enough")
    assert kicked.record.departures[-1] == Departure(2, ADMIN, "kicked", "enough")
    assert rooms.leave(ROOM, INVITED).event == "declined"
    assert rooms.leave(ROOM, STRANGER).event == ""
    assert reason_of(lambda: rooms.leave(ROOM, OWNER)) == "owner_stays"
    assert reason_of(lambda: rooms.kick(ROOM, OWNER, STRANGER, "")) == "member_unknown"
    public = replace(ROOM, access="public")
    for _ in range(MOST_DEPARTURES + 5):
        public = rooms.kick(public, OWNER, STRANGER, "").record
    assert len(public.departures) == MOST_DEPARTURES
    assert public.last_departure == MOST_DEPARTURES + 5


def test_invitations_have_a_limit_and_come_once() -> None:
    room = replace(ROOM, invited=frozenset({5, 6, 7, 8}))
    assert reason_of(lambda: rooms.invite(room, OWNER, STRANGER, POLICY, NOW)) == "list_full"
    assert rooms.invite(room, OWNER, 5, POLICY, NOW).event == ""
    assert rooms.invite(room, OWNER, MEMBER, POLICY, NOW).event == ""


def test_promotion_demotion_and_handing_over() -> None:
    promoted = rooms.promote(ROOM, OWNER, MEMBER)
    assert MEMBER in promoted.record.admins
    assert rooms.promote(promoted.record, OWNER, MEMBER).event == ""
    assert rooms.promote(ROOM, OWNER, OWNER).event == ""
    assert rooms.demote(promoted.record, OWNER, MEMBER).record == ROOM
    assert rooms.demote(ROOM, OWNER, MEMBER).event == ""
    handed = rooms.hand_over(ROOM, OWNER, ADMIN)
    assert (handed.event, handed.record.owner) == ("handed_over", ADMIN)
    assert handed.record.admins == frozenset({OWNER, OTHER_ADMIN})
    assert rooms.hand_over(ROOM, OWNER, OWNER).event == ""
    for act in (rooms.promote, rooms.demote, rooms.hand_over):
        unknown = reason_of(lambda act=act: act(ROOM, OWNER, STRANGER))  # type: ignore[misc]
        assert unknown == "member_unknown"


def test_names_descriptions_and_rules_change_once() -> None:
    assert rooms.rename(ROOM, ADMIN, "new").record.name == "new"
    assert rooms.rename(ROOM, ADMIN, "").event == ""
    assert rooms.describe(ROOM, ADMIN, "x").record.description == "x"
    assert rooms.describe(ROOM, ADMIN, "").event == ""
    assert rooms.regulate(ROOM, OWNER, "", ADMINS).record.senders == ADMINS
    assert rooms.regulate(ROOM, OWNER, "", "").event == ""
    closed = replace(ROOM, access=CLOSED)
    assert reason_of(lambda: rooms.regulate(closed, OWNER, "public", "")) == "room_closed"


def test_every_reason_has_a_code_and_words() -> None:
    for why in RoomReason:
        refused = RoomRefused(why)
        assert (refused.code, refused.retry) == (why.code, why.retry.value)
        assert refused.message
