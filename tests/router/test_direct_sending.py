"""What clients send to members, and signals that are not stored, from the request to the topic."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from router.publisher import Publisher
from router.rates import Rates
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.upstream import Upstream
from schemas.headers import CAST, FROM, ID, MESSAGE_ID, SESSION, STAMP, TO, encode_headers
from schemas.headers import header_value as value
from schemas.messages_pb2 import SendReply
from schemas.policies import Policy
from schemas.scoped_ids import scoped_id
from tests.router.streams import read_stream

POLICIES = {
    "direct": Policy(send_per_second=0.01, send_burst=4, cast_per_second=0.01, cast_burst=2),
    "chat": Policy(cast_per_second=0.01, cast_burst=3, send_per_second=0.01, send_burst=1),
    "busy": Policy(send_per_second=0, cast_per_second=0, room_per_second=0.01, room_burst=3),
}


@pytest.fixture
async def upstream(
    publisher: Publisher, redis: RedisLink, presence_keys: PresenceKeys
) -> AsyncIterator[Upstream]:
    rates = Rates(redis, presence_keys)
    yield Upstream(publisher, rates, POLICIES.__getitem__, 100)
    rates.close()


async def ask(
    upstream: Upstream, subject: str, body: bytes = b"hi", cast: bool = False, name: str = ""
) -> SendReply:
    """Send as a gateway does."""
    headers = {SESSION: "g1.1"} | ({ID: name} if name else {}) | ({CAST: "1"} if cast else {})
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    handle = upstream.handle_direct if ".direct." in subject else upstream.handle_sent
    handle(subject.encode(), body, encode_headers(headers), answered.set_result)
    return SendReply.FromString(await answered)


async def test_a_direct_message_is_stored_for_both_sides(bus: Bus, upstream: Upstream) -> None:
    reply = await ask(upstream, bus.subjects.direct(9, 5, 1000), name="5.phone.7")
    theirs, own = await read_stream(bus, "MEMBER")
    assert (reply.sequence, reply.duplicate, reply.error.code) == (own.sequence, False, 0)
    assert theirs.subject == bus.subjects.push("member.9", 1000)
    assert own.subject == bus.subjects.push("member.5", 1000)
    for copy, topic in ((theirs, "member.9"), (own, "member.5")):
        assert copy.body == b"hi"
        told = [copy.header(name) for name in (FROM, TO, SESSION, STAMP, MESSAGE_ID)]
        assert told == ["5", "9", "g1.1", "1", scoped_id(topic, "direct.5.phone.7")]


async def test_a_retry_is_stored_once_for_both_sides(bus: Bus, upstream: Upstream) -> None:
    subject = bus.subjects.direct(9, 5, 1000)
    first, again = [await ask(upstream, subject, name="5.phone.7") for _ in range(2)]
    assert (again.sequence, again.duplicate) == (first.sequence, True)
    assert len(await read_stream(bus, "MEMBER")) == 2
    assert upstream.counts == {"sent": 1, "duplicate": 1}


async def test_a_message_to_oneself_is_one_copy(bus: Bus, upstream: Upstream) -> None:
    subject = bus.subjects.direct(5, 5, 1000)
    first, again = [await ask(upstream, subject, name="5.phone.7") for _ in range(2)]
    (own,) = await read_stream(bus, "MEMBER")
    assert (first.sequence, again.duplicate) == (own.sequence, True)
    assert own.header(TO) == "5"


@pytest.mark.parametrize(
    ("tail", "body", "code"),
    [
        ("9.0.4", b"x", 403),
        ("0.5.4", b"x", 400),
        ("9.5.x", b"x", 400),
        ("9.5.9", b"x", 405),
        ("9.5.4", b"x" * 101, 413),
    ],
)
async def test_what_is_not_allowed_is_refused_and_not_stored(
    bus: Bus, upstream: Upstream, tail: str, body: bytes, code: int
) -> None:
    reply = await ask(upstream, f"{bus.subjects.prefix}.direct.{tail}", body)
    assert (reply.error.code, reply.error.retry) == (code, "never")
    assert await read_stream(bus, "MEMBER") == []


async def test_a_signal_is_delivered_to_who_is_there_and_never_stored(
    bus: Bus, upstream: Upstream
) -> None:
    heard: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
    for topic in ("room.chat.1", "member.9", "member.5"):
        bus.subscribe(
            bus.subjects.interest(topic),
            lambda subject, reply, payload, headers: heard.put_nowait((subject, headers or b"")),
        )
    subjects = bus.subjects
    for subject in (subjects.upstream("chat://1", 5, 1000), subjects.direct(9, 5, 1000)):
        reply = await ask(upstream, subject, cast=True, name="5.phone.7")
        assert (reply.sequence, reply.error.code) == (0, 0)
    signals = [await heard.get() for _ in range(3)]
    topics = ("room.chat.1", "member.9", "member.5")
    assert [subject.decode() for subject, _ in signals] == [
        subjects.cast(topic, 1000) for topic in topics
    ]
    for _, headers in signals:
        assert [value(headers, name) for name in (FROM, SESSION, STAMP)] == ["5", "g1.1", "1"]
    assert [value(headers, TO) for _, headers in signals] == ["", "9", "9"]
    assert [await read_stream(bus, kind) for kind in ("ROOM", "MEMBER")] == [[], []]
    assert upstream.counts == {"cast": 2}


async def test_signals_and_messages_have_rates_of_their_own(bus: Bus, upstream: Upstream) -> None:
    subject = bus.subjects.upstream("chat://1", 5, 1000)
    signals = [(await ask(upstream, subject, cast=True)).error for _ in range(4)]
    assert [one.code for one in signals] == [0, 0, 0, 429]
    assert (signals[3].reason, signals[3].retry) == ("member_casts", "later")
    began = time.monotonic()
    messages = [(await ask(upstream, subject)).error for _ in range(2)]
    assert [one.reason for one in messages] == ["", "member_messages"]
    assert 99.99 - (time.monotonic() - began) <= messages[1].after <= 100


async def test_direct_messages_have_the_policy_direct(bus: Bus, upstream: Upstream) -> None:
    errors = [(await ask(upstream, bus.subjects.direct(9, 5, 4))).error.code for _ in range(5)]
    assert errors == [0] * 4 + [429]


async def test_a_room_takes_no_more_than_its_rate_from_all_together(
    bus: Bus, upstream: Upstream
) -> None:
    subjects = [bus.subjects.upstream("busy://1", mid, 1000) for mid in range(1, 6)]
    errors = [
        (await ask(upstream, one, cast=number == 0)).error for number, one in enumerate(subjects)
    ]
    assert [one.reason for one in errors] == [""] * 3 + ["room_messages"] * 2
    assert errors[4].code == 429
    assert (await ask(upstream, bus.subjects.upstream("busy://2", 5, 1000))).error.code == 0
    assert upstream.counts["room_messages"] == 2
