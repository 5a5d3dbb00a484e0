"""Events about messages that found their member away, with real streams and Redis."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bus.connection import Bus
from bus.stream_api import request_api
from router.directory import Directory
from router.presence import Presence
from router.publisher import Publisher
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings, PublisherSettings, PushSettings
from router.undelivered import Undelivered
from schemas.headers import FROM, MESSAGE_ID, TO, encode_headers
from tests.router.reports import session, snapshot
from tests.router.streams import PATIENT, make_event_stream, make_stream, read_stream

SETTINGS = PushSettings(undelivered_waiting=5)


@pytest.fixture
async def publisher(bus: Bus) -> AsyncIterator[Publisher]:
    source, target = (
        bus.subjects.push("member.*", "*"),
        bus.subjects.kept("member.{{wildcard(1)}}", "{{wildcard(2)}}"),
    )
    await make_stream(bus, "MEMBER", "member.*", republish={"src": source, "dest": target})
    await make_event_stream(bus)
    publisher = Publisher(bus, PATIENT)
    yield publisher
    publisher.close()


@pytest.fixture
async def undelivered(
    bus: Bus, directory: Directory, publisher: Publisher
) -> AsyncIterator[Undelivered]:
    undelivered = Undelivered(bus, directory, publisher, SETTINGS)
    yield undelivered
    undelivered.stop()


async def push(
    bus: Bus, mid: object, body: bytes = b"x", headers: dict[str, str] | None = None
) -> None:
    """Store a message as any publisher does, and let it be heard."""
    block = encode_headers(headers) if headers else None
    await bus.call(bus.subjects.push(f"member.{mid}", 1000), body, headers=block)
    await bus.flush()


async def events(bus: Bus) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in await read_stream(bus, "EVENT")]


async def test_a_member_who_is_away_makes_an_event_without_the_body(
    bus: Bus, undelivered: Undelivered, presence: Presence
) -> None:
    await presence.report(snapshot("g1", session("g1", 1, mid=8)))
    await push(bus, 8)
    await push(bus, 7, headers={MESSAGE_ID: "member.7.order", FROM: "9"})
    await undelivered.step()
    (event,) = await events(bus)
    assert int(event.pop("time_ms")) > 1_764_000_000_000
    assert event == {"mid": "7", "operation": 1000, "sequence": "2", "id": "order", "sender": "9"}
    (stored,) = await read_stream(bus, "EVENT")
    assert stored.subject == bus.subjects.undelivered_event(7)


async def test_the_senders_own_copy_of_a_direct_message_makes_no_event(
    bus: Bus, undelivered: Undelivered
) -> None:
    for mid in (9, 5):
        await push(bus, mid, headers={FROM: "5", TO: "9"})
    await undelivered.step()
    (event,) = await events(bus)
    assert (event["mid"], event["sender"]) == ("9", "5")


async def test_who_is_on_a_dead_gateway_only_is_away(
    bus: Bus,
    undelivered: Undelivered,
    presence: Presence,
    redis: RedisLink,
    presence_keys: PresenceKeys,
) -> None:
    await presence.report(snapshot("g1", session("g1", 1, mid=7)))
    await redis.run_one("ZADD", presence_keys.leases, 1, "g1")
    await push(bus, 7)
    await undelivered.step()
    assert undelivered.counts["events"] == 1


async def test_the_body_comes_where_the_setting_says_so(
    bus: Bus, directory: Directory, publisher: Publisher
) -> None:
    undelivered = Undelivered(bus, directory, publisher, replace(SETTINGS, undelivered="body"))
    await push(bus, 7, b"hello")
    await undelivered.step()
    assert (await events(bus))[0]["body"] == "aGVsbG8="
    undelivered.stop()


async def test_routers_share_the_messages_and_a_message_makes_one_event(
    bus: Bus, undelivered: Undelivered, directory: Directory, publisher: Publisher
) -> None:
    other = Undelivered(bus, directory, publisher, SETTINGS)
    await push(bus, 7)
    await undelivered.step()
    await other.step()
    assert undelivered.counts["events"] + other.counts["events"] == 1
    other.stop()


async def test_off_hears_nothing(bus: Bus, directory: Directory, publisher: Publisher) -> None:
    undelivered = Undelivered(bus, directory, publisher, replace(SETTINGS, undelivered="off"))
    await push(bus, 7)
    await undelivered.step()
    assert await events(bus) == []
    undelivered.stop()


@pytest.mark.parametrize("mid", ["x", "-5", "0", 2**63, "9" * 30])
async def test_what_is_no_member_is_passed_over(
    bus: Bus, undelivered: Undelivered, mid: object
) -> None:
    await push(bus, mid)
    await undelivered.step()
    assert (await events(bus), undelivered.counts["no_member"]) == ([], 1)


async def test_a_sender_out_of_range_is_nobody(bus: Bus, undelivered: Undelivered) -> None:
    await push(bus, 7, headers={FROM: "9999999999999999999"})
    await undelivered.step()
    assert "sender" not in (await events(bus))[0]


async def test_what_is_beyond_the_limit_is_counted(bus: Bus, undelivered: Undelivered) -> None:
    for _ in range(SETTINGS.undelivered_waiting + 2):
        await push(bus, 7)
    await undelivered.step()
    counts = undelivered.counts
    assert (counts["events"], counts["too_many"]) == (SETTINGS.undelivered_waiting, 2)


async def test_an_event_that_can_not_be_stored_is_counted(
    bus: Bus, directory: Directory, publisher: Publisher
) -> None:
    await request_api(bus, f"STREAM.DELETE.{bus.subjects.stream('EVENT')}", {})
    hasty = Publisher(bus, PublisherSettings(seconds=0.3, attempt_seconds=0.1))
    undelivered = Undelivered(bus, directory, hasty, SETTINGS)
    await push(bus, 7)
    await undelivered.step()
    assert undelivered.counts["not_stored"] == 1
    undelivered.stop()
    hasty.close()


async def test_without_redis_nobody_is_called_away(
    bus: Bus, publisher: Publisher, presence_settings: PresenceSettings
) -> None:
    settings = replace(presence_settings, redis_url=type(presence_settings.redis_url)("unix:///no"))
    redis = RedisLink(settings)
    directory = Directory(redis, PresenceKeys("t"), settings)
    undelivered = Undelivered(bus, directory, publisher, SETTINGS)
    await push(bus, 7)
    await undelivered.step()
    assert (await events(bus), undelivered.counts["presence_away"]) == ([], 1)
    undelivered.stop()
    await redis.close()
