"""A responder in plain nats-py is asked before messages are published."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import nats
import pytest

from bus.connection import Bus
from bus.metrics import Metrics
from router.publisher import Publisher
from router.rates import Rates
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.upstream import Upstream
from schemas.headers import encode_headers
from schemas.messages_pb2 import SendReply
from schemas.policies import Policy
from tests.plain_nats import settle
from tests.router.streams import read_stream
from tests.until import until

FREE = Policy(send_per_second=0, cast_per_second=0, room_per_second=0)
OWN: dict[str, Any] = {"send_per_second": 0, "cast_per_second": 0, "room_per_second": 0}
POLICIES = {
    "chat": Policy(**OWN, admit="required", admit_seconds=20),
    "hasty": Policy(**OWN, admit="required", admit_seconds=0.1),
    "lax": Policy(**OWN, admit="optional", admit_seconds=0.1),
    "easy": Policy(**OWN, admit="optional", admit_seconds=20),
    "direct": Policy(**OWN, admit="optional", admit_seconds=20),
    "free": Policy(**OWN),
}
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


@pytest.fixture
async def upstream(
    publisher: Publisher, redis: RedisLink, presence_keys: PresenceKeys
) -> AsyncIterator[Upstream]:
    rates = Rates(redis, presence_keys)
    yield Upstream(publisher, rates, POLICIES.__getitem__, 100)
    rates.close()


@pytest.fixture
async def responder(nats_url: str, bus: Bus) -> AsyncIterator[dict[str, Any]]:
    """A moderator as anybody would write it; it holds back what waits for an event in `held`."""
    held: dict[str, Any] = {"asked": []}
    nc = await nats.connect(nats_url)

    async def moderate(msg: Any) -> None:
        asked = json.loads(msg.data)
        held["asked"].append(asked)
        if asked["body"] in held:
            await held[asked["body"]].wait()
        if "spam" in asked["body"]:
            answer = {"error": {"code": 403, "reason": "spam", "message": "no advertising"}}
        else:
            answer = {"body": asked["body"].replace("damn", "****")}
        await msg.respond(json.dumps(answer).encode())

    async def each_on_its_own(msg: Any) -> None:
        held.setdefault("tasks", []).append(asyncio.create_task(moderate(msg)))

    await nc.subscribe(f"{bus.subjects.prefix}.admit.*", cb=each_on_its_own)
    await settle(nc)
    yield held
    await nc.drain()


def send(upstream: Upstream, subject: str, body: bytes) -> "asyncio.Future[SendReply]":
    answered: asyncio.Future[SendReply] = asyncio.get_running_loop().create_future()
    handle = upstream.handle_direct if ".direct." in subject else upstream.handle_sent
    settle = lambda payload: answered.set_result(SendReply.FromString(payload))  # noqa: E731
    handle(subject.encode(), body, encode_headers({}), settle)
    return answered


async def bodies(bus: Bus, kind: str = "ROOM") -> list[bytes]:
    return [one.body for one in await read_stream(bus, kind)]


async def test_it_lets_pass_changes_and_refuses(
    bus: Bus, upstream: Upstream, responder: dict[str, Any]
) -> None:
    room = bus.subjects.upstream("chat://1", 5, 1000)
    assert (await send(upstream, room, b"hello")).sequence == 1
    assert (await send(upstream, room, b"damn it")).sequence == 2
    error = (await send(upstream, room, b"buy spam")).error
    assert (error.code, error.reason, error.message) == (403, "spam", "no advertising")
    assert error.retry == "never"
    assert await bodies(bus) == [b"hello", b"**** it"]
    asked = {"room": "chat://1", "from": "5", "operation": 1000, "body": "hello"}
    assert responder["asked"][0] == asked
    assert upstream.responder.counts == {"allowed": 1, "changed": 1, "refused": 1}
    assert upstream.counts == {"sent": 2, "AdmissionRefused": 1}


async def test_both_copies_of_a_direct_message_are_changed(
    bus: Bus, upstream: Upstream, responder: dict[str, Any]
) -> None:
    assert (await send(upstream, bus.subjects.direct(9, 5, 4), b"damn")).sequence > 0
    assert await bodies(bus, "MEMBER") == [b"****", b"****"]
    assert responder["asked"] == [{"to": "9", "from": "5", "operation": 4, "body": "damn"}]


async def test_a_slow_answer_holds_up_only_what_its_sender_sends_to_that_room(
    bus: Bus, upstream: Upstream, responder: dict[str, Any]
) -> None:
    responder["slow"] = asyncio.Event()
    room = bus.subjects.upstream("chat://1", 5, 1000)
    slow = send(upstream, room, b"slow")
    behind = send(upstream, room, b"behind")
    others = [
        send(upstream, bus.subjects.upstream("chat://2", 5, 1000), b"another room"),
        send(upstream, bus.subjects.upstream("chat://1", 6, 1000), b"another sender"),
        send(upstream, bus.subjects.upstream("free://1", 5, 1000), b"a type without"),
    ]
    await asyncio.gather(*others)
    await until(lambda: len(responder["asked"]) >= 4)  # the one behind is asked about too
    await asyncio.gather(*(one for one in responder["tasks"] if one is not responder["tasks"][0]))
    await bus.flush()
    assert not slow.done()
    assert not behind.done()
    responder["slow"].set()
    await asyncio.gather(slow, behind)
    assert (await bodies(bus))[3:] == [b"slow", b"behind"]


async def test_what_the_policy_stops_asking_about_stays_in_order_too(
    bus: Bus, upstream: Upstream, responder: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    responder["slow"] = asyncio.Event()
    room = bus.subjects.upstream("chat://1", 5, 1000)
    slow = send(upstream, room, b"slow")
    monkeypatch.setitem(POLICIES, "chat", FREE)
    behind = send(upstream, room, b"behind")
    responder["slow"].set()
    await asyncio.gather(slow, behind)
    assert await bodies(bus) == [b"slow", b"behind"]


async def test_absent_or_late_it_is_as_the_policy_says(
    bus: Bus, upstream: Upstream, responder: dict[str, Any]
) -> None:
    responder["late"] = asyncio.Event()
    lax = bus.subjects.upstream("lax://1", 5, 1000)
    hasty = bus.subjects.upstream("hasty://1", 5, 1000)
    assert (await send(upstream, lax, b"late")).sequence == 1
    error = (await send(upstream, hasty, b"late")).error
    assert (error.code, error.reason, error.retry) == (503, "admission_away", "later")
    assert upstream.responder.counts == {"late": 2}
    responder["late"].set()
    await asyncio.gather(*responder["tasks"])
    assert await bodies(bus) == [b"late"]


async def test_without_any_responder(bus: Bus, upstream: Upstream) -> None:
    assert (await send(upstream, bus.subjects.upstream("easy://1", 5, 4), b"x")).sequence == 1
    error = (await send(upstream, bus.subjects.upstream("chat://1", 5, 4), b"x")).error
    assert (error.code, error.reason) == (503, "admission_away")
    assert upstream.responder.counts == {"absent": 2}
    metrics = Metrics()
    metrics.add(upstream.readings)
    assert 'goim_router_admissions_total{result="absent"} 2.0' in metrics.render().decode()
    assert upstream.running == 0


async def test_an_answer_that_makes_no_sense_is_none(
    bus: Bus, upstream: Upstream, nats_url: str
) -> None:
    nc = await nats.connect(nats_url)

    async def shrug(msg: Any) -> None:
        await msg.respond(b"sure, why not")

    await nc.subscribe(f"{bus.subjects.prefix}.admit.*", cb=shrug)
    await settle(nc)
    assert (await send(upstream, bus.subjects.upstream("easy://1", 5, 4), b"x")).sequence == 1
    error = (await send(upstream, bus.subjects.upstream("chat://1", 5, 4), b"x")).error
    assert error.reason == "admission_away"
    assert upstream.responder.counts == {"unusable": 2}
    await nc.drain()
