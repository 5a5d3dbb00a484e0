"""Presence of rooms on a real Valkey: who is in which, and how many are."""

from router.directory import Directory
from router.presence import Presence
from tests.router.reports import report, session, snapshot

ROOM = "live://1000"


async def test_a_session_that_changes_its_room_is_in_the_new_one_alone(
    presence: Presence, directory: Directory
) -> None:
    await presence.report(snapshot("g1", session("g1", 1, room=ROOM)))
    await presence.report(report("g1", session("g1", 1, room="live://2"), sessions=1))
    assert (await directory.find_by_room(ROOM, 5)).total == 0
    assert (await directory.find_by_room("live://2", 5)).total == 1


async def test_a_session_is_found_in_each_of_the_rooms_that_it_hears(
    presence: Presence, directory: Directory
) -> None:
    async def found_in() -> list[str]:
        rooms = [ROOM, "live://2", "live://3"]
        return [one for one in rooms if (await directory.find_by_room(one, 5)).total]

    await presence.report(snapshot("g1", session("g1", 1, room=ROOM, rooms=["live://2", ROOM])))
    assert await found_in() == [ROOM, "live://2"]
    (found,) = (await directory.find_by_room("live://2", 5)).sessions
    assert (found.room, list(found.rooms)) == (ROOM, ["live://2", ROOM])
    joined = session("g1", 1, room="live://2", rooms=["live://3", ROOM])
    await presence.report(report("g1", joined, sessions=1))
    assert await found_in() == [ROOM, "live://2", "live://3"]
    left = session("g1", 1, rooms=["live://3"])
    await presence.report(report("g1", left, sessions=1))
    assert await found_in() == ["live://3"]
    await presence.report(report("g1", left=["g1.1"], sessions=0))
    assert await found_in() == []


async def test_rooms_are_counted_over_all_gateways_and_elsewhere_for_one(
    presence: Presence, directory: Directory
) -> None:
    await presence.report(snapshot("g1", rooms={ROOM: 3, "live://2": 1}))
    await presence.report(snapshot("g2", rooms={ROOM: 4}))
    watching = report("g3", snapshot=True, rooms={ROOM: 5}, watch=[ROOM, "live://2", "live://3"])
    reply = (await presence.report(watching)).reply
    assert dict(reply.elsewhere) == {ROOM: 7, "live://2": 1}
    assert await directory.count_rooms([ROOM, "live://3"]) == {ROOM: 12}
    await presence.report(report("g1", rooms={ROOM: 0}))
    assert await directory.count_all_rooms() == {ROOM: 9, "live://2": 1}
