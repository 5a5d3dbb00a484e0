"""What clients send, from the gateway's request to the stream."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bus.connection import Bus
from router.publisher import Publisher
from router.rates import Rates
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.upstream import Upstream
from schemas.headers import FROM, ID, MESSAGE_ID, SESSION, STAMP, encode_headers
from schemas.messages_pb2 import SendReply
from schemas.policies import Policy
from tests.router.streams import PATIENT, read_stream

POLICIES = {
    "live": Policy(send_per_second=0.01, send_burst=5),
    "free": Policy(send_per_second=0, stamp=False),
    "fleeting": Policy(send_per_second=0, keep=False),
    "mute": Policy(send="nobody"),
}


@pytest.fixture
async def upstream(
    publisher: Publisher, redis: RedisLink, presence_keys: PresenceKeys
) -> AsyncIterator[Upstream]:
    rates = Rates(redis, presence_keys)
    yield Upstream(publisher, rates, POLICIES.__getitem__, 4096)
    rates.close()


async def send(
    upstream: Upstream,
    room: str,
    body: bytes = b"x",
    mid: int = 7,
    operation: int = 4,
    name: str = "",
    session: str = "g1.1",
) -> SendReply:
    """Send as a gateway does."""
    subject = upstream.publisher.bus.subjects.upstream(room, mid, operation)
    headers = {SESSION: session} | ({ID: name} if name else {})
    return await send_raw(upstream, subject.encode(), body, encode_headers(headers))


async def send_raw(
    upstream: Upstream, subject: bytes, body: bytes = b"", headers: bytes | None = None
) -> SendReply:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    upstream.handle_sent(subject, body, headers, answered.set_result)
    return SendReply.FromString(await answered)


async def test_a_message_is_stored_with_its_sender_session_stamp_and_id(
    bus: Bus, upstream: Upstream
) -> None:
    reply = await send(upstream, "live://1", b"hello", operation=1000, name="7.phone.1")
    assert (reply.sequence, reply.duplicate, reply.HasField("error")) == (1, False, False)
    (stored,) = await read_stream(bus, "ROOM")
    assert stored.subject == bus.subjects.push("room.live.1", 1000)
    assert stored.body == b"hello"
    names = (FROM, SESSION, STAMP, MESSAGE_ID)
    assert [stored.header(name) for name in names] == ["7", "g1.1", "1", "7.phone.1"]


async def test_the_same_id_again_is_answered_as_a_duplicate_with_its_sequence(
    bus: Bus, upstream: Upstream
) -> None:
    first = await send(upstream, "free://1", name="7.phone.1")
    again = await send(upstream, "free://1", name="7.phone.1")
    assert (again.sequence, again.duplicate) == (first.sequence, True)
    assert len(await read_stream(bus, "ROOM")) == 1


async def test_where_the_policy_does_not_stamp_there_is_no_stamp(
    bus: Bus, upstream: Upstream
) -> None:
    await send(upstream, "free://1")
    (stored,) = await read_stream(bus, "ROOM")
    assert stored.header(STAMP) == ""


async def test_a_room_type_that_keeps_nothing_answers_without_a_sequence(
    bus: Bus, upstream: Upstream
) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    bus.subscribe(
        bus.subjects.interest("room.fleeting.1"),
        lambda subject, reply, payload, headers: heard.set_result(headers or b""),
    )
    reply = await send(upstream, "fleeting://1")
    assert (reply.sequence, reply.HasField("error")) == (0, False)
    assert b"Goim-From: 7\r\n" in await heard
    assert await read_stream(bus, "ROOM") == []


async def test_faster_than_the_rate_is_refused_until_later(bus: Bus, upstream: Upstream) -> None:
    replies = await asyncio.gather(*(send(upstream, "live://1") for _ in range(8)))
    assert [reply.error.code for reply in replies] == [0] * 5 + [429] * 3
    assert replies[7].error.retry == "later"
    assert (await send(upstream, "live://2")).error.code == 429
    assert (await send(upstream, "live://1", mid=8)).error.code == 0
    assert len(await read_stream(bus, "ROOM")) == 6


async def test_each_anonymous_connection_has_a_rate_of_its_own(upstream: Upstream) -> None:
    for _ in range(5):
        assert (await send(upstream, "live://1", mid=0, session="g1.1")).error.code == 0
    assert (await send(upstream, "live://1", mid=0, session="g1.1")).error.code == 429
    assert (await send(upstream, "live://1", mid=0, session="g1.2")).error.code == 0


@pytest.mark.parametrize(
    ("room", "body", "operation", "code"),
    [
        ("mute://1", b"x", 4, 403),
        ("free://1", b"x" * 4097, 4, 413),
        ("free://1", b"x", 9, 405),
        ("free://1", b"x", -1, 405),
    ],
)
async def test_what_is_not_allowed_is_refused_and_not_stored(
    bus: Bus, upstream: Upstream, room: str, body: bytes, operation: int, code: int
) -> None:
    reply = await send(upstream, room, body, operation=operation)
    assert (reply.error.code, reply.error.retry, reply.sequence) == (code, "never", 0)
    assert await read_stream(bus, "ROOM") == []


@pytest.mark.parametrize("tail", [b"live", b"live.1.x.4", b"live.*.7.4", b"\xff.1.7.4"])
async def test_a_subject_that_no_gateway_makes_is_answered_with_400(
    upstream: Upstream, tail: bytes
) -> None:
    prefix = upstream.publisher.bus.subjects.prefix.encode()
    assert (await send_raw(upstream, prefix + b".up." + tail)).error.code == 400


async def test_messages_of_one_room_are_stored_in_the_order_they_came(
    bus: Bus, upstream: Upstream
) -> None:
    await asyncio.gather(
        *(send(upstream, "free://1", b"%d" % number, mid=number % 3) for number in range(100))
    )
    stored = await read_stream(bus, "ROOM")
    assert [message.body for message in stored] == [b"%d" % number for number in range(100)]


async def test_beyond_the_limit_of_waiting_messages_more_are_refused(
    bus: Bus, streams: None, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    publisher = Publisher(bus, replace(PATIENT, queue_messages=10))
    rates = Rates(redis, presence_keys)
    policy = Policy(send_per_second=100, send_burst=100)
    upstream = Upstream(publisher, rates, lambda room_type: policy, 4096)
    replies = await asyncio.gather(*(send(upstream, "live://1") for _ in range(15)))
    assert [reply.error.code for reply in replies] == [0] * 10 + [503] * 5
    await upstream.flush()
    assert upstream.running == 0
    rates.close()
    publisher.close()


async def test_results_are_counted_by_name(upstream: Upstream) -> None:
    await send(upstream, "free://1")
    await send(upstream, "mute://1")
    readings = {reading[0]: reading[4] for reading in upstream.readings()}
    rows = [(("sent",), 1.0), (("SendingForbidden",), 1.0)]
    assert readings["goim_router_sent"] == rows
