"""Rooms over NATS alone: a whole life, two admins at once, bad ids, events, who is told what."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from router.room_part import Rooms
from schemas.rooms import encode_record
from tests.router.room_servers import Asker, make_event_stream, serving_rooms

ROOM = "chat://us"


@pytest.fixture
async def rooms(
    bus: Bus, nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rooms]:
    monkeypatch.setattr("router.room_book.OWN_VIEW_SECONDS", 30.0)
    await make_event_stream(bus)
    async with serving_rooms(nats_url, prefix) as serving:
        yield serving


@pytest.fixture
def asker(bus: Bus, rooms: Rooms) -> Asker:
    return Asker(bus)


async def test_the_whole_life_of_a_room(asker: Asker, rooms: Rooms) -> None:
    room = await asker.do("open", ROOM, 1, name="Us", access="invitation")
    assert (room["owner"], room["role"], room["members"]) == ("1", "owner", ["1"])
    await asker.do("rename", ROOM, 1, name="All of us")
    await asker.do("describe", ROOM, 1, description="talk\nhere")
    for mid in (2, 3, 4):
        await asker.do("invite", ROOM, 1, mid=mid)
    assert (await asker.do("get", ROOM, 2))["role"] == "invited"
    for mid in (2, 3):
        await asker.do("join", ROOM, mid)
    await asker.do("leave", ROOM, 4)
    await asker.do("promote", ROOM, 1, mid=2)
    await asker.do("mute", ROOM, 2, mid=3, reason="calm down", seconds=60)
    await asker.do("unmute", ROOM, 2, mid=3)
    await asker.do("kick", ROOM, 2, mid=3, reason="enough")
    await asker.do("ban", ROOM, 2, mid=3)
    told = await asker.do("get", ROOM, 1)
    assert told["banned"] == [{"mid": "3", "by": "2"}]
    await asker.do("unban", ROOM, 1, mid=3)
    await asker.do("regulate", ROOM, 1, access="public", senders="admins")
    await asker.do("join", ROOM, 3)
    await asker.do("hand_over", ROOM, 1, mid=2)
    await asker.do("demote", ROOM, 2, mid=1)
    await asker.do("leave", ROOM, 1)
    closed = await asker.do("close", ROOM, 2, reason="over")
    assert (closed["access"], closed["owner"]) == ("closed", "2")
    assert (await asker.do("open", ROOM, 2))["access"] == "public"
    await rooms.events.flush()
    events = await asker.events()
    assert " ".join(one["event"] for one in events) == (
        "opened renamed described invited invited invited joined joined declined promoted muted"
        " unmuted kicked banned unbanned regulated joined handed_over demoted left closed opened"
    )
    muted = events[10]
    assert muted["subject_"].endswith(".event.room.chat.us.muted")
    assert (muted["actor"], muted["subject"], muted["reason"]) == ("2", "3", "calm down")
    assert int(muted["until"]) * 1000 >= int(muted["time_ms"]) + 59_000
    revisions = [int(one["revision"]) for one in events]
    assert revisions == sorted(set(revisions))


async def test_an_operator_does_anything_in_any_room_and_is_named(
    asker: Asker, rooms: Rooms
) -> None:
    await asker.do("open", ROOM, 1, access="invitation")
    await asker.do("invite", ROOM, 1, mid=2)
    await asker.do("join", ROOM, 2)
    await asker.do("promote", ROOM, 1, mid=2)
    muted = await asker.do("mute", ROOM, 9, mid=2, operator=True)
    assert muted["muted"] == [{"mid": "2", "by": "9"}]
    assert muted["members"] == ["1", "2"]
    assert "role" not in muted
    await asker.do("ban", ROOM, 9, mid=2, operator=True)
    assert (await asker.do("get", ROOM, 9, operator=True))["banned"] == [{"mid": "2", "by": "9"}]
    found = await asker.ask("search", actor=9, operator=True)
    assert [one["room"] for one in found["rooms"]] == [ROOM]
    assert "rooms" not in await asker.ask("search", actor=9)
    assert "rooms" not in await asker.ask("list", actor=9, operator=True)
    assert len((await asker.ask("list", actor=9, mid=1, operator=True))["rooms"]) == 1
    await asker.do("open", "live://stage", 9, owner=1, operator=True)
    assert (await asker.do("open", "live://own", 9, operator=True))["owner"] == "9"
    refused = await asker.ask("join", ROOM, actor=9, operator=True)
    assert refused["error"]["reason"] == "not_invited"  # itself it is in no room
    refused = await asker.ask("kick", ROOM, actor=9, mid=1, operator=True)
    assert refused["error"]["reason"] == "outranked"
    await asker.do("close", ROOM, 9, operator=True)
    await rooms.events.flush()
    by_it = [one["event"] for one in await asker.events() if one.get("actor") == "9"]
    assert by_it == ["muted", "banned", "opened", "opened", "closed"]


async def test_a_call_that_changes_nothing_says_so_and_makes_no_event(
    asker: Asker, rooms: Rooms
) -> None:
    first = await asker.ask("open", ROOM, 1)
    again = await asker.ask("join", ROOM, 1)
    assert (first["changed"], again.get("changed", False)) == (True, False)
    assert first["room"]["revision"] == again["room"]["revision"]
    await rooms.events.flush()
    assert len(await asker.events()) == 1


async def test_an_event_whose_router_died_is_stored_by_the_next_one_once(
    bus: Bus, nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_event_stream(bus)
    asker = Asker(bus)
    async with serving_rooms(nats_url, prefix) as first:
        await asker.do("open", "chat://told", 1)
        await first.events.flush()
        with monkeypatch.context() as patched:
            patched.setattr(first.events, "store", lambda topic, event: None)  # it dies before
            await asker.do("open", ROOM, 1)
    async with serving_rooms(nats_url, prefix) as second:
        await second.events.flush()
        assert [one["room"] for one in await asker.events()] == ["chat://told", ROOM]
        second.book.clock = lambda: time.time() + 100
        second.tell_again()
        await second.events.flush()
    assert len(await asker.events()) == 2


async def test_admins_at_once_never_undo_each_other(
    asker: Asker, rooms: Rooms, nats_url: str, prefix: str
) -> None:
    await asker.do("open", ROOM, 1)
    async with serving_rooms(nats_url, prefix):  # a second router shares the calls
        answers = await asyncio.gather(
            *(asker.ask("ban" if mid % 2 else "mute", ROOM, 1, mid=mid) for mid in range(10, 30))
        )
        tries = 0
        while late := [one for one in answers if "error" in one]:
            assert {one["error"]["reason"] for one in late} == {"changed_meanwhile"}
            assert {one["error"]["retry"] for one in late} == {"now"}
            late_mids = [10 + at for at, one in enumerate(answers) if "error" in one]
            for mid in late_mids:
                call = "ban" if mid % 2 else "mute"
                answers[mid - 10] = await asker.ask(call, ROOM, 1, mid=mid)
            tries += 1
            assert tries < 10
    told = await asker.do("get", ROOM, 1)
    assert [one["mid"] for one in told["banned"]] == [str(mid) for mid in range(11, 30, 2)]
    assert [one["mid"] for one in told["muted"]] == [str(mid) for mid in range(10, 30, 2)]


async def test_the_last_place_goes_to_one(asker: Asker) -> None:
    await asker.do("open", "small://1", 1)
    answers = await asyncio.gather(*(asker.ask("join", "small://1", mid) for mid in range(2, 8)))
    reasons = [one["error"]["reason"] for one in answers if "error" in one]
    assert len(reasons) == 5
    assert set(reasons) <= {"room_full", "changed_meanwhile"}


async def test_two_owners_of_one_name_are_one(asker: Asker) -> None:
    answers = await asyncio.gather(*(asker.ask("open", ROOM, mid) for mid in (1, 2, 3)))
    assert sum("error" not in one for one in answers) == 1
    owner = next(one["room"]["owner"] for one in answers if "error" not in one)
    assert (await asker.do("get", ROOM))["owner"] == owner


@pytest.mark.parametrize(
    "name", ["*", ">", "a.b", " ", "\N{PILE OF POO}", "a\0b", "é\r\nPUB x", "://"]
)
async def test_any_text_names_a_room_and_no_subject(asker: Asker, rooms: Rooms, name: str) -> None:
    room = f"chat://{name}"
    opened = await asker.do("open", room, 1)
    assert opened["room"] == room
    assert await asker.reason("get", "chat://other", 1) == "room_unknown"
    assert (await asker.do("get", room, 1))["owner"] == "1"
    listed = await asker.ask("list", actor=1)
    assert [one["room"] for one in listed["rooms"]] == [room]
    await rooms.events.flush()
    (event,) = await asker.events()
    assert event["room"] == room
    assert event["subject_"].count(".") == 5


@pytest.mark.parametrize("room", ["", "us", "chat://", "://us", "chat://" + "x" * 10_240, "x:y"])
async def test_what_is_no_room_id_is_refused(asker: Asker, room: str) -> None:
    for call in ("open", "get", "join"):
        assert await asker.reason(call, room or "", 1) == "bad_room"


@pytest.mark.parametrize(
    ("call", "more", "reason"),
    [
        ("open", {"name": "x" * 65}, "bad_name"),
        ("open", {"name": "a\0b"}, "bad_name"),
        ("open", {"description": "x" * 1001}, "bad_field"),
        ("open", {"description": "a\0"}, "bad_field"),
        ("open", {"access": "closed"}, "bad_field"),
        ("open", {"access": "secret"}, "bad_field"),
        ("open", {"senders": "me"}, "bad_field"),
        ("open", {"owner": -1}, "bad_field"),
        ("open", {"actor": -1}, "bad_field"),
        ("kick", {"mid": 5, "reason": "x" * 201}, "bad_field"),
        ("kick", {"mid": 5, "reason": "a\nb"}, "bad_field"),
        ("ban", {"mid": 5, "seconds": 2**32 - 1}, "bad_field"),
        ("ban", {"mid": 0}, "room_unknown"),
    ],
)
async def test_bad_fields_are_refused(
    asker: Asker, call: str, more: dict[str, object], reason: str
) -> None:
    assert await asker.reason(call, ROOM, **{"actor": 1} | more) == reason  # type: ignore[arg-type]


async def test_types_limit_who_opens_and_how_many(asker: Asker) -> None:
    assert await asker.reason("open", "live://1000", 1) == "opened_by_services"
    assert (await asker.do("open", "live://1000", owner=1))["owner"] == "1"
    await asker.do("open", "small://1", 1)
    assert await asker.reason("open", "small://2", 1) == "too_many_rooms"
    await asker.do("close", "small://1", 1)
    await asker.do("open", "small://2", 1)
    assert await asker.reason("rename", "small://2", 1, name="longer") == "bad_name"


async def test_strangers_learn_nothing_of_a_room_by_invitation(asker: Asker) -> None:
    await asker.do("open", ROOM, 1, access="invitation", name="Secret plans")
    await asker.do("invite", ROOM, 1, mid=2)
    assert await asker.reason("get", ROOM, 9) == "not_a_member"
    for actor, found in ((9, 0), (2, 1), (0, 1)):
        answer = await asker.ask("search", actor=actor, text="SECRET")
        assert len(answer.get("rooms", [])) == found
    invited = await asker.do("get", ROOM, 2)
    assert "members" not in invited
    await asker.do("join", ROOM, 2)
    member = await asker.do("get", ROOM, 2)
    assert (member["members"], "invited" in member) == (["1", "2"], False)


async def test_rooms_are_listed_in_pages(asker: Asker) -> None:
    for number in range(7):
        await asker.do("open", f"chat://{number}", 1)
    await asker.do("open", "team://1", 2)
    found: list[str] = []
    more = True
    while more:
        answer = await asker.ask("list", actor=1, limit=3, after=found[-1] if found else "")
        found += [one["room"] for one in answer["rooms"]]
        more = answer.get("more", False)
    assert found == [f"chat://{number}" for number in range(7)]
    all_of_them = await asker.ask("list")
    assert len(all_of_them["rooms"]) == 8
    of_type = await asker.ask("list", type="team")
    assert [one["room"] for one in of_type["rooms"]] == ["team://1"]
    assert await asker.reason("list", actor=1, mid=2) == "bad_field"
    assert len((await asker.ask("list", mid=2))["rooms"]) == 1
    await asker.do("join", "team://1", 1)
    assert len((await asker.ask("list", actor=1))["rooms"]) == 8


async def test_a_value_that_is_no_record_is_left_alone(
    asker: Asker, rooms: Rooms, bus: Bus
) -> None:
    bucket = await bus.jetstream.key_value(bus.subjects.bucket("ROOMS"))
    revision = await bucket.put("chat.us", b"not a record")
    await rooms.book.reach(revision, 30)
    assert await asker.reason("join", ROOM, 1) == "record_unreadable"
    denial = rooms.book.denial("receive", 1, "room.chat.us")
    assert denial is not None
    assert denial.reason == "room_closed"


async def test_a_deleted_record_makes_the_room_a_new_one(
    asker: Asker, rooms: Rooms, bus: Bus
) -> None:
    await asker.do("open", ROOM, 1)
    bucket = await bus.jetstream.key_value(bus.subjects.bucket("ROOMS"))
    await bucket.delete("chat.us")
    assert await asker.reason("get", ROOM, 1) == "room_unknown"
    assert (await asker.do("open", ROOM, 2))["owner"] == "2"
    listed = await asker.ask("list", actor=2)
    assert [one["owner"] for one in listed["rooms"]] == ["2"]
    assert "rooms" not in await asker.ask("list", actor=1)


async def test_a_record_that_is_full_is_refused(
    asker: Asker, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asker.do("open", ROOM, 1)
    stored = await rooms.writer.read("room.chat.us")
    assert stored.record is not None
    size = len(encode_record(stored.record))
    monkeypatch.setattr("router.room_book.MAX_VALUE_BYTES", size + 1024)
    assert await asker.reason("rename", ROOM, 1, name="longer than before") == "list_full"


async def test_without_jetstream_rooms_are_away(asker: Asker, rooms: Rooms, bus: Bus) -> None:
    await asker.do("open", ROOM, 1)
    await bus.jetstream.delete_stream(rooms.book.bucket.stream)
    answer = await asker.ask("join", ROOM, 2)
    assert (answer["error"]["code"], answer["error"]["reason"]) == (503, "rooms_away")
    assert answer["error"]["retry"] == "later"
