"""What a record lets a member do, and who has to leave when it changes."""

from dataclasses import replace
from json import dumps, loads
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rooms import (
    ACCESSES,
    ADMINS,
    CLOSED,
    HISTORY,
    INVITATION,
    PUBLIC,
    RECEIVE,
    RIGHTS,
    SEND,
    SENDERS,
    Departure,
    Happening,
    RecordUnreadable,
    Restriction,
    RoomRecord,
    affected,
    decode_record,
    denial,
    departed,
    encode_record,
)

NOW = 1_800_000_000.0
OWNER, ADMIN, MEMBER, STRANGER = 1, 2, 3, 9
ROOM = RoomRecord(owner=OWNER, admins=frozenset({ADMIN}), members=frozenset({OWNER, ADMIN, MEMBER}))


def reason(record: RoomRecord, right: str, mid: int) -> str:
    found = denial(record, right, mid, NOW)
    return found.reason if found else ""


@pytest.mark.parametrize("right", RIGHTS)
def test_everybody_may_everything_in_a_public_room(right: str) -> None:
    for mid in (OWNER, MEMBER, STRANGER, 0, -5):
        assert reason(ROOM, right, mid) == ""


@pytest.mark.parametrize("right", RIGHTS)
def test_a_room_by_invitation_is_for_its_members(right: str) -> None:
    room = replace(ROOM, access=INVITATION, invited=frozenset({STRANGER}))
    assert reason(room, right, MEMBER) == ""
    for mid in (STRANGER, 0, -5):
        assert reason(room, right, mid) == "not_a_member"


@pytest.mark.parametrize("right", RIGHTS)
def test_nobody_may_anything_in_a_closed_room(right: str) -> None:
    assert reason(replace(ROOM, access=CLOSED), right, OWNER) == "room_closed"


@pytest.mark.parametrize("access", [PUBLIC, INVITATION])
@pytest.mark.parametrize("right", RIGHTS)
def test_a_ban_holds_until_it_ends(access: str, right: str) -> None:
    banned = {MEMBER: Restriction(int(NOW) + 10, ADMIN, "spam"), ADMIN: Restriction(int(NOW))}
    room = replace(ROOM, access=access, banned=banned)
    found = denial(room, right, MEMBER, NOW)
    assert found is not None
    assert (found.reason, found.words) == ("banned", "you are banned from the room: spam")
    assert found.retry(NOW) == ("later", 10)
    assert denial(room, right, MEMBER, NOW + 10) is None
    assert reason(room, right, ADMIN) == ""
    for_good = replace(room, banned={MEMBER: Restriction()})
    found = denial(for_good, right, MEMBER, NOW + 1e9)
    assert found is not None
    assert found.retry(NOW) == ("never", 0)


def test_a_mute_is_for_sending_alone() -> None:
    room = replace(ROOM, muted={OWNER: Restriction(), MEMBER: Restriction(int(NOW) + 1)})
    assert reason(room, SEND, OWNER) == reason(room, SEND, MEMBER) == "muted"
    assert reason(room, RECEIVE, MEMBER) == reason(room, HISTORY, MEMBER) == ""
    assert denial(room, SEND, MEMBER, NOW + 1) is None


def test_in_an_announcement_room_owner_and_admins_send() -> None:
    room = replace(ROOM, senders=ADMINS)
    assert [reason(room, SEND, mid) for mid in (OWNER, ADMIN)] == ["", ""]
    assert reason(room, SEND, MEMBER) == reason(room, SEND, 0) == "announcements"
    assert reason(room, RECEIVE, MEMBER) == ""


def test_a_new_record_and_a_narrower_access_concern_everybody() -> None:
    assert affected(None, ROOM) is None
    for access in (INVITATION, CLOSED):
        assert affected(ROOM, replace(ROOM, access=access)) is None
    assert affected(replace(ROOM, access=CLOSED), ROOM) == frozenset()


def test_bans_and_departures_concern_those_they_name() -> None:
    more = replace(ROOM, members=ROOM.members | {STRANGER}, name="another")
    assert affected(ROOM, more) == frozenset()
    assert affected(more, ROOM) == frozenset()  # public: they may stay
    banned = replace(ROOM, banned={7: Restriction()})
    assert affected(ROOM, banned) == frozenset({7})
    assert affected(banned, banned) == frozenset()
    assert affected(banned, replace(banned, banned={7: Restriction(until=5)})) == frozenset({7})
    kicked = replace(ROOM, departures=(Departure(1, 8, "kicked"), Departure(2, 9, "left")))
    assert affected(ROOM, kicked) == frozenset({8, 9})
    assert affected(replace(ROOM, departures=kicked.departures[:1]), kicked) == frozenset({9})
    private = replace(ROOM, access=INVITATION)
    assert affected(private, replace(private, members=frozenset({OWNER}))) == frozenset(
        {ADMIN, MEMBER}
    )


def test_departures_of_before_a_room_was_known_are_over() -> None:
    kicked = replace(ROOM, departures=(Departure(1, 8, "kicked"),))
    assert departed(None, kicked) == []
    assert departed(ROOM, kicked) == [Departure(1, 8, "kicked")]


mids = st.integers(1, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
restrictions = st.dictionaries(mids, st.builds(Restriction, mids, mids, texts), max_size=3)
records = st.builds(
    RoomRecord,
    owner=mids,
    name=texts,
    description=texts,
    access=st.sampled_from(ACCESSES),
    senders=st.sampled_from(SENDERS),
    admins=st.frozensets(mids, max_size=3),
    members=st.frozensets(mids, max_size=5),
    invited=st.frozensets(mids, max_size=3),
    banned=restrictions,
    muted=restrictions,
    departures=st.lists(
        st.builds(Departure, mids, mids, st.sampled_from(["kicked", "left"]), texts), max_size=3
    ).map(tuple),
    created_at=mids,
    last=st.none() | st.builds(Happening, texts, mids, mids, texts, mids, mids),
)


@given(record=records)
def test_a_record_written_reads_as_itself(record: RoomRecord) -> None:
    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize(
    "changes",
    [
        {"access": "open"},
        {"access": None},
        {"senders": 1},
        {"owner": "1"},
        {"owner": True},
        {"owner": -1},
        {"owner": 2**63},
        {"name": 7},
        {"name": "\ud800"},
        {"members": 1},
        {"members": ["1"]},
        {"banned": []},
        {"banned": {"x": [0, 0, ""]}},
        {"muted": {"1": [0, 0]}},
        {"departures": [[1, 2, "fled", ""]]},
        {"last": ["joined"]},
        {"last": ["joined", 1, "2", "", 0, 0]},
    ],
)
def test_what_is_no_record_is_refused(changes: dict[str, Any]) -> None:
    values = loads(encode_record(ROOM)) | changes
    with pytest.raises(RecordUnreadable, match="no room's record"):
        decode_record(dumps(values).encode())


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b"7"])
def test_any_bytes_give_a_record_or_a_refusal(payload: bytes) -> None:
    with pytest.raises(RecordUnreadable):
        decode_record(payload)
