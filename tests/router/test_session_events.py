"""Edges of presence on a real Valkey and nats-server: one event for each, whatever ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bus.connection import Bus
from bus.errors import StreamApiRefused
from bus.ordered import Entry
from bus.stream_api import request_api
from router import session_events
from router.directory import Directory
from router.members import Members
from router.presence import Presence
from router.publisher import Publisher
from router.redis_link import RedisLink
from router.rows import Edge, PresenceKeys, Seen
from router.session_events import SessionEvents, take_flight
from router.settings import PresenceSettings, PublisherSettings
from router.told import Told, read_events, read_told
from schemas.messages_pb2 import MembersRequest, PresenceReport
from tests.router.reports import node, report, session, snapshot
from tests.router.streams import PATIENT, make_event_stream, read_stream

GRACE_OVER_MS = 1  # a time long ago


class Scene:
    """A router's presence without its endpoints; the clock is moved by hand."""

    def __init__(
        self,
        bus: Bus,
        redis: RedisLink,
        keys: PresenceKeys,
        publisher: Publisher,
        settings: PresenceSettings,
    ) -> None:
        self.bus = bus
        self.redis = redis
        self.keys = keys
        self.presence = Presence(redis, keys, settings)
        self.events = SessionEvents(bus, redis, keys, publisher, settings)
        self.members = Members(Directory(redis, keys, settings))

    async def report(self, message: PresenceReport) -> bool:
        """Take a report, publish what is to be told; return whether a snapshot is asked for."""
        resend = (await self.presence.report(message)).reply.resend
        await self.events.step()
        return resend

    async def pass_grace(self) -> None:
        """Move the clock past the grace of all who left."""
        for mid in await self.redis.run_one("ZRANGE", self.keys.leaving, 0, -1):
            await self.redis.run_one("ZADD", self.keys.leaving, GRACE_OVER_MS, mid)
        await self.events.step()

    async def wipe(self) -> None:
        """Let Redis lose all."""
        names = await self.redis.run_one("KEYS", f"{self.keys.prefix}*")
        await self.redis.run_one("DEL", *names)

    async def told(self) -> list[str]:
        """Return what was told, such as `7 online`."""
        stored = await read_stream(self.bus, "EVENT")
        return [" ".join(one.subject.split(".")[-2:]) for one in stored]

    async def last_event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((await read_stream(self.bus, "EVENT"))[-1].body)
        return event


@pytest.fixture
async def publisher(bus: Bus) -> AsyncIterator[Publisher]:
    await make_event_stream(bus)
    publisher = Publisher(bus, PATIENT)
    yield publisher
    publisher.close()


@pytest.fixture
async def scene(
    bus: Bus,
    redis: RedisLink,
    presence_keys: PresenceKeys,
    publisher: Publisher,
    presence_settings: PresenceSettings,
) -> Scene:
    scene = Scene(bus, redis, presence_keys, publisher, presence_settings)
    await scene.events.step()
    return scene


async def test_a_member_comes_with_the_first_device_and_goes_with_the_last(scene: Scene) -> None:
    first, second = session("g1", 1, mid=7), session("g2", 1, mid=7)
    first.device = "phone"
    await scene.report(snapshot("g1", first))
    assert await scene.last_event() == {
        "what": "online",
        "mid": "7",
        "time_ms": (await scene.last_event())["time_ms"],
        "devices": [{"device": "phone", "platform": "web", "since_ms": "1764000000000"}],
    }
    await scene.report(snapshot("g2", second))
    await scene.report(report("g1", left=["g1.1"], sessions=0))
    await scene.pass_grace()
    assert await scene.told() == ["7 online"]
    await scene.report(report("g2", left=["g2.1"], sessions=0))
    assert await scene.told() == ["7 online"]
    await scene.pass_grace()
    assert await scene.told() == ["7 online", "7 offline"]
    event = await scene.last_event()
    assert int(event["time_ms"]) >= int(event["last_seen_ms"]) > 1_764_000_000_000
    assert event["devices"] == [{"platform": "web", "since_ms": "1764000000000"}]


async def test_a_flap_within_the_grace_makes_no_event(scene: Scene) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.report(snapshot("g2"))
    for number in range(2, 6):
        await scene.report(report("g1", left=[f"g1.{number - 1}"], sessions=0))
        await scene.report(report("g1", session("g1", number, mid=7), sessions=1))
    await scene.report(report("g1", left=["g1.5"], sessions=0))
    await scene.report(report("g2", session("g2", 1, mid=7), sessions=1))
    await scene.pass_grace()
    assert await scene.told() == ["7 online"]


async def test_nobody_in_particular_makes_no_event(scene: Scene) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=0), session("g1", 2, mid=-5)))
    await scene.report(report("g1", left=["g1.1", "g1.2"], sessions=0))
    await scene.pass_grace()
    assert await scene.told() == []


async def test_another_room_and_a_repeated_report_make_no_event(scene: Scene) -> None:
    one = session("g1", 1, mid=7, room="live://1")
    await scene.report(snapshot("g1", one))
    await scene.report(report("g1", session("g1", 1, mid=7, room="live://2"), sessions=1))
    await scene.report(snapshot("g1", one))
    await scene.pass_grace()
    assert await scene.told() == ["7 online"]


async def test_members_of_a_killed_gateway_go_offline_after_its_lease_and_the_grace(
    scene: Scene,
) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7), session("g1", 2, mid=8)))
    await scene.report(snapshot("g2", session("g2", 1, mid=8)))
    await scene.redis.run_one("ZADD", scene.keys.leases, 1, "g1")
    assert await scene.presence.sweep() == 1
    await scene.events.step()
    assert await scene.told() == ["7 online", "8 online"]
    await scene.pass_grace()
    assert await scene.told() == ["7 online", "8 online", "7 offline"]


async def test_a_gateway_that_leaves_hands_its_members_over_without_an_event(scene: Scene) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.report(PresenceReport(node=node("g1"), leaving=True))
    await scene.report(snapshot("g2", session("g2", 1, mid=7)))
    await scene.pass_grace()
    assert await scene.told() == ["7 online"]


async def test_a_wiped_redis_makes_no_event_for_who_stayed_and_one_for_who_came_or_went(
    scene: Scene,
) -> None:
    stayed = [session("g1", mid, mid=mid) for mid in range(1, 1201)]
    await scene.report(snapshot("g1", *stayed, session("g1", 2000, mid=2000)))
    assert len(await scene.told()) == 1201
    await scene.wipe()
    assert (await scene.presence.report(report("g1", sessions=1201))).reply.resend
    newcomer = session("g1", 3000, mid=3000)
    everybody = snapshot("g1", *stayed, newcomer)
    await scene.presence.report(everybody)
    assert await scene.events.step()
    assert await scene.report(report("g1", sessions=1201)), "a snapshot is asked for once more"
    await scene.report(everybody)
    assert not await scene.report(report("g1", sessions=1201))
    assert (await scene.told())[1201:] == ["3000 online"]
    await scene.pass_grace()
    assert (await scene.told())[1201:] == ["3000 online", "2000 offline"]
    assert (await scene.last_event())["mid"] == "2000"


async def test_a_restarted_redis_is_told_again_what_events_have_told(scene: Scene) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.redis.run_one("HSET", scene.keys.online, "8", 5)
    await scene.redis.run_one("SET", scene.keys.told, "run of another one")
    await scene.events.step()
    assert await scene.redis.run_one("HKEYS", scene.keys.online) == [b"7"]
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.pass_grace()
    assert await scene.told() == ["7 online"]


async def test_members_without_a_session_get_a_lease_and_the_grace_to_show_one(
    scene: Scene, presence_settings: PresenceSettings
) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.wipe()
    before, _ = await scene.redis.run_one("TIME")
    await scene.events.step()
    (after, _), due = await scene.redis.run([("TIME",), ("ZSCORE", scene.keys.leaving, "7")])
    wait = presence_settings.lease_seconds + presence_settings.grace_seconds
    assert int(before) <= float(due) / 1000 - wait <= int(after) + 1


async def test_many_who_left_at_once_are_told_at_once(scene: Scene) -> None:
    everybody = [session("g1", mid, mid=mid) for mid in range(1, 2101)]
    await scene.report(snapshot("g1", *everybody))
    await scene.presence.report(snapshot("g1", sessions=0))
    names = [one.session for one in everybody]
    await scene.presence.report(report("g1", left=names, sessions=0))
    await scene.pass_grace()
    told = await scene.told()
    assert [one.split()[1] for one in told] == ["online"] * 2100 + ["offline"] * 2100


async def test_without_the_stream_nobody_is_told_and_afterwards_everybody(
    scene: Scene, bus: Bus
) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    stream = bus.subjects.stream("EVENT")
    await request_api(bus, f"STREAM.DELETE.{stream}", {})
    await scene.presence.report(report("g1", session("g1", 2, mid=8), sessions=2))
    patient = scene.events.publisher
    scene.events.publisher = Publisher(bus, PublisherSettings(seconds=0.3, attempt_seconds=0.1))
    assert not await scene.events.step()
    scene.events.publisher.close()
    scene.events.publisher = patient
    assert scene.events.counts["failed"] == 1
    await make_event_stream(bus)
    assert await scene.events.step()
    assert await scene.told() == ["8 online"]


async def test_a_wiped_redis_waits_for_the_stream(scene: Scene, bus: Bus) -> None:
    await request_api(bus, f"STREAM.DELETE.{bus.subjects.stream('EVENT')}", {})
    await scene.wipe()
    with pytest.raises(StreamApiRefused):
        await scene.events.step()
    await make_event_stream(bus)
    assert await scene.events.step()


async def test_two_routers_that_publish_at_once_make_one_event_each(
    scene: Scene, presence_settings: PresenceSettings
) -> None:
    other = SessionEvents(
        scene.bus, scene.redis, scene.keys, scene.events.publisher, presence_settings
    )
    heard: list[bytes] = []
    every = scene.bus.subjects.session_event("*", "*")
    scene.bus.subscribe(every, lambda subject, *_: heard.append(subject))
    members = [session("g1", mid, mid=mid) for mid in range(1, 301)]
    await scene.presence.report(snapshot("g1", *members))
    await asyncio.gather(scene.events.step(), other.step())
    assert sorted(await scene.told()) == sorted(f"{mid} online" for mid in range(1, 301))
    await scene.bus.flush()
    assert len(heard) == len(set(heard)) == 300


async def test_one_router_of_two_restores(
    scene: Scene, presence_settings: PresenceSettings
) -> None:
    await scene.wipe()
    await scene.redis.run_one("SET", scene.keys.restoring, "another router")
    assert not await scene.events.step()
    await scene.redis.run_one("DEL", scene.keys.restoring)
    assert await scene.events.step()


async def test_a_router_that_was_too_slow_leaves_restoring_to_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_slowly(bus: Bus, seconds: float) -> Told:
        await scene.redis.run_one("SET", scene.keys.restoring, "the next one")
        return Told({7: 1}, {})

    await scene.wipe()
    monkeypatch.setattr(session_events, "read_told", read_slowly)
    assert not await scene.events.step()
    assert await scene.redis.run_one("GET", scene.keys.restoring) == b"the next one"
    assert await scene.redis.run_one("GET", scene.keys.told) is None


async def test_the_loop_publishes_what_a_report_has_made(scene: Scene) -> None:
    task = asyncio.ensure_future(scene.events.run())
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    every = scene.bus.subjects.session_event("*", "*")
    scene.bus.subscribe(every, lambda subject, *_: heard.put_nowait(subject))
    reported = await scene.presence.report(snapshot("g1", session("g1", 1, mid=7)))
    scene.events.notice(reported.events)
    assert (await heard.get()).decode() == scene.bus.subjects.session_event(7, "online")
    task.cancel()


async def test_members_are_told_with_devices_or_when_they_were_seen_last(scene: Scene) -> None:
    phone, laptop = session("g1", 1, mid=7, since_ms=5), session("g1", 2, mid=7, since_ms=3)
    phone.device, laptop.device, laptop.platform = "phone", "laptop", "mac"
    gone = session("g1", 3, mid=8, since_ms=9)
    await scene.report(snapshot("g1", phone, laptop, gone))
    await scene.report(report("g1", left=["g1.3"], sessions=2))
    reply = await scene.members.members(MembersRequest(mids=[8, 7, 9, 7]))
    assert [(one.mid, one.online) for one in reply.members] == [(8, True), (7, True), (9, False)]
    await scene.pass_grace()
    eight, seven, nine = (await scene.members.members(MembersRequest(mids=[8, 7, 9]))).members
    assert [(one.device, one.platform, one.since_ms) for one in seven.devices] == [
        ("laptop", "mac", 3),
        ("phone", "web", 5),
    ]
    assert not eight.online
    assert [one.since_ms for one in eight.devices] == [9]
    assert 1_764_000_000_000 < eight.last_seen_ms <= seven.last_seen_ms
    assert (nine.online, nine.last_seen_ms, len(nine.devices)) == (False, 0, 0)


async def test_when_members_were_seen_last_survives_a_wiped_redis(scene: Scene) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.report(report("g1", left=["g1.1"], sessions=0))
    await scene.pass_grace()
    request = MembersRequest(mids=[7])
    before = await scene.members.members(request)
    await scene.wipe()
    await scene.events.step()
    assert await scene.members.members(request) == before


async def test_until_redis_was_told_again_sessions_say_who_is_online(scene: Scene) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await scene.redis.run_one("DEL", scene.keys.told, scene.keys.online)
    reply = await scene.members.members(MembersRequest(mids=[7, 8]))
    assert [one.online for one in reply.members] == [True, False]


async def test_what_is_not_about_members_is_passed_over(scene: Scene, bus: Bus) -> None:
    await scene.report(snapshot("g1", session("g1", 1, mid=7)))
    await bus.call(bus.subjects.undelivered_event(9), b"{}")
    told = await read_told(bus, 30)
    assert (list(told.online), told.seen) == ([7], {})


def test_an_event_that_can_not_be_read_says_nothing() -> None:
    def entry(what: str, payload: bytes) -> Entry:
        return Entry(1, f"goim.event.session.7.{what}", None, payload, 0)

    assert read_events({7: entry("online", b"\xff")}) == Told({}, {})
    assert read_events({7: entry("offline", b"{}")}) == Told({}, {7: Seen(0, "", "", 0)})


def test_no_member_has_two_events_in_one_flight() -> None:
    def edge(number: int, mid: str) -> tuple[bytes, Edge]:
        return b"%d" % number, Edge(number, mid, "online", 1, 0, "", "", 0)

    waiting = [edge(1, "7"), edge(2, "8"), edge(3, "7"), edge(4, "9")]
    assert take_flight(waiting) == waiting[:2]
    assert take_flight(waiting[2:]) == waiting[2:]
    assert take_flight([]) == []
