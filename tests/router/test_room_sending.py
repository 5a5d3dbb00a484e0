"""What the record of a room denies is refused with a stable reason; live rooms are not asked."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from router.publisher import Publisher
from router.rates import Rates
from router.redis_link import RedisLink
from router.room_part import Rooms
from router.rows import PresenceKeys
from router.upstream import Upstream
from schemas.messages_pb2 import SendReply
from tests.router.room_servers import Asker, make_event_stream, policy_of, serving_rooms

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
async def upstream(
    publisher: Publisher, redis: RedisLink, presence_keys: PresenceKeys, rooms: Rooms
) -> AsyncIterator[Upstream]:
    rates = Rates(redis, presence_keys)
    yield Upstream(publisher, rates, policy_of, 4096, rooms.book)
    rates.close()


async def send(upstream: Upstream, room: str, mid: int) -> SendReply:
    subject = upstream.publisher.bus.subjects.upstream(room, mid, 4).encode()
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    upstream.handle_sent(subject, b"hello", None, answered.set_result)
    return SendReply.FromString(await answered)


async def reason(upstream: Upstream, mid: int) -> str:
    return (await send(upstream, ROOM, mid)).error.reason


async def test_a_mute_a_ban_and_a_closed_room_hold_from_the_next_message(
    bus: Bus, upstream: Upstream, rooms: Rooms
) -> None:
    now, asker = time.time(), Asker(bus)
    rooms.book.clock = lambda: now
    await asker.do("open", ROOM, 1)
    assert (await send(upstream, ROOM, 7)).sequence > 0
    await asker.do("mute", ROOM, 1, mid=7, seconds=60, reason="calm down")
    error = (await send(upstream, ROOM, 7)).error
    assert (error.code, error.reason, error.retry) == (403, "muted", "later")
    assert error.message == "you are muted in the room: calm down"
    assert 59 <= error.after <= 60
    await asker.do("unmute", ROOM, 1, mid=7)
    assert (await send(upstream, ROOM, 7)).sequence > 0
    await asker.do("ban", ROOM, 1, mid=7)
    assert await reason(upstream, 7) == "banned"
    await asker.do("regulate", ROOM, 1, senders="admins")
    assert await reason(upstream, 8) == "announcements"
    assert (await send(upstream, ROOM, 1)).sequence > 0
    await asker.do("regulate", ROOM, 1, access="invitation", senders="members")
    assert await reason(upstream, 8) == "not_a_member"
    assert await reason(upstream, 0) == "not_a_member"
    await asker.do("close", ROOM, 1)
    assert await reason(upstream, 1) == "room_closed"
    assert upstream.counts["muted"] == upstream.counts["banned"] == 1


async def test_a_room_without_a_record_is_as_its_type_says(upstream: Upstream) -> None:
    assert (await send(upstream, "live://1000", 7)).sequence > 0


async def test_an_event_without_a_stream_is_tried_and_then_counted(
    bus: Bus, nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.room_events.MOST_SECONDS", 0.3)
    async with serving_rooms(nats_url, prefix) as rooms:
        await Asker(bus).do("open", ROOM, 1)
        await rooms.events.flush()
        assert rooms.events.counts["lost"] == 1
        names = {one[0] for one in rooms.readings()}
    assert {"goim_router_room_events", "goim_router_room_writes"} <= names
