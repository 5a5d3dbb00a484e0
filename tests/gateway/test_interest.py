"""From NATS to connections: every message once and in order, over gaps, audits and outages."""

import asyncio
from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest
import pytest_asyncio

from gateway.fanout import Delivery
from schemas.headers import FROM, SEQUENCE, SESSION, STAMP, TIME, encode_headers
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.proxy import Proxy

ROOM = "room.live.1"
CLIENT: dict[str, Any] = {"mid": 5, "room_id": "live://1", "accepts": [1000]}


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, audit_seconds=0.5) as running:
        yield running


@pytest_asyncio.fixture
async def proxy(nats_url: str) -> AsyncIterator[Proxy]:
    running = await Proxy(nats_url).mend()
    yield running
    await running.end()


async def test_kept_and_cast_messages_reach_both_transports(harness: Harness) -> None:
    clients = [await harness.tcp(**CLIENT), await harness.ws(**CLIENT)]
    await harness.settled()
    harness.store.publish(ROOM, b"kept", operation=-7)
    harness.bus.publish(harness.bus.subjects.cast(ROOM, 5), b"cast")
    for client in clients:
        frames = [await client.receive(), await client.receive()]
        assert frames == [(1, -7, 0, b"kept"), (1, 5, 0, b"cast")]
    await harness.is_true(lambda: harness.gateway.counters.messages_sent == 4)
    assert harness.gateway.counters.messages_received == 2


async def test_messages_of_one_turn_come_in_one_batch(harness: Harness) -> None:
    client = await harness.ws(**CLIENT)
    await harness.settled()
    for number in range(20):
        harness.store.publish(ROOM, b"%d" % number)
    sizes: list[int] = []
    while sum(sizes) < 20:
        frame = await client.read_frame()
        assert frame.operation == 9
        sizes.append(frame.body.count(b"\0\0\x03\xe8"))
    assert len(sizes) < 20


async def test_a_room_ignores_accepts_and_members_and_all_do_not(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    for topic in ("member.5", "all"):
        harness.store.publish(topic, b"not accepted", operation=999)
        harness.store.publish(topic, b"accepted", operation=1000)
    harness.store.publish(ROOM, b"room", operation=999)
    assert sorted(await client.bodies(3)) == [b"accepted", b"accepted", b"room"]
    await client.ask(14, b"999")
    harness.store.publish("member.5", b"now")
    harness.store.publish("all", b"now too", operation=999)
    assert sorted(await client.bodies(2)) == [b"now", b"now too"]
    await client.ask(16, b"999,1000")
    harness.store.publish("member.5", b"no more")
    await harness.delivered()
    await client.is_quiet()


async def test_messages_reach_all_connections_of_a_member_and_nobody_else(harness: Harness) -> None:
    phone, tablet = [await harness.tcp(mid=5, key=key, accepts=[1000]) for key in ("p", "t")]
    stranger = await harness.tcp(mid=6, accepts=[1000])
    anonymous = await harness.tcp(accepts=[1000])
    await harness.settled()
    harness.store.publish("member.5", b"to five")
    for client in (phone, tablet):
        assert await client.bodies(1) == [b"to five"]
    for client in (stranger, anonymous):
        await client.is_quiet()
    assert set(harness.gateway.interest.topics) == {"member.5", "member.6", "all"}


async def test_an_ext_client_sees_topics_and_sequences(harness: Harness) -> None:
    client = await harness.ws(**CLIENT, ext=1)
    positions = {await client.until_live(label) for label in ("member", "all", "room:live://1")}
    assert positions == {100}
    sequence = harness.store.publish(ROOM, b"x")
    topic, pushed = await client.receive(), await client.receive()
    assert loads(topic.body) == {"topic": "room:live://1", "sequence": sequence}
    assert (pushed.sequence, pushed.body) == (sequence, b"x")


async def test_what_clients_sent_is_stamped(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    time = "2026-11-25T01:02:03.456789Z"
    headers = {FROM: "77", STAMP: "1", TIME: time}
    sequence = harness.store.publish(ROOM, b"hello", headers=headers)
    (body,) = await client.bodies(1)
    stamp = {"from": 77, "sequence": sequence, "time": 1795568523456, "body": "hello"}
    assert loads(body) == stamp


@pytest.mark.parametrize("number", ["\N{SUPERSCRIPT TWO}", "9" * 5000, "-1", "", "x", "1.2"])
async def test_a_strange_session_header_is_nobody_here(harness: Harness, number: str) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    headers = {SESSION: f"{harness.gateway.id}.{number}"}
    harness.store.publish(ROOM, b"x", headers=headers)
    assert await client.bodies(1) == [b"x"]


@pytest.mark.parametrize(
    ("tail", "headers", "reason"),
    [
        ("kept.x", {SEQUENCE: "101"}, "operation_no_number"),
        ("kept.2147483648", {SEQUENCE: "101"}, "operation_no_number"),
        ("cast.x", {}, "operation_no_number"),
        ("kept.1000", {}, "subject_unknown"),
        ("kept.1000", {SEQUENCE: "0"}, "subject_unknown"),
        ("kept.1000", {SEQUENCE: "-5"}, "subject_unknown"),
        ("other.1000", {SEQUENCE: "101"}, "subject_unknown"),
        ("1000", {SEQUENCE: "101"}, "subject_unknown"),
        ("a.b.c.1000", {SEQUENCE: "101"}, "subject_unknown"),
    ],
)
async def test_what_is_no_delivery_is_dropped_and_counted(
    harness: Harness, tail: str, headers: dict[str, str], reason: str
) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    subject = f"{harness.bus.subjects.prefix}.{ROOM}.{tail}"
    harness.bus.publish(subject, b"x", headers=encode_headers(headers))
    await harness.is_true(lambda: harness.gateway.counters.dropped[reason] == 1)
    await client.is_quiet()


async def test_a_gap_is_filled_from_the_store_before_what_comes_next(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    for number in range(10):
        harness.store.publish(ROOM, b"%d" % number, lost=number in (3, 4, 7))
    assert await client.bodies(10) == [b"%d" % number for number in range(10)]
    assert harness.gateway.counters.gaps_repaired == 3
    await client.is_quiet()


async def test_a_message_that_comes_twice_is_delivered_once(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.publish(ROOM, b"once")
    message = harness.store.topics[ROOM][0]
    harness.store.deliver(ROOM, message, 0, {})
    harness.store.publish(ROOM, b"next")
    assert await client.bodies(2) == [b"once", b"next"]
    assert harness.gateway.counters.messages_repeated == 1


async def test_the_audit_of_a_new_topic_finds_a_lost_last_message(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.publish(ROOM, b"lost", lost=True)
    harness.store.publish("member.5", b"lost too", lost=True)
    assert sorted(await client.bodies(2)) == [b"lost", b"lost too"]
    await client.is_quiet()


async def test_the_audit_finds_what_a_message_of_another_operation_hid(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.publish(ROOM, b"lost", operation=1, lost=True)
    harness.store.publish(ROOM, b"hides it", operation=2)
    assert await client.bodies(2) == [b"hides it", b"lost"]


async def test_a_store_that_does_not_count_is_audited_by_the_last_message(
    harness: Harness,
) -> None:
    harness.store.tells_counts = False
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.publish(ROOM, b"lost", operation=1, lost=True)
    harness.store.publish(ROOM, b"hides it", operation=2)
    assert await client.bodies(1) == [b"hides it"]
    audits = len(harness.store.audits)
    await harness.is_true(lambda: len(harness.store.audits) > audits + 1)
    harness.store.publish(ROOM, b"shows it", operation=1)
    assert await client.bodies(2) == [b"lost", b"shows it"]


async def test_audits_go_on_after_the_store_was_away(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.away = True
    harness.store.publish(ROOM, b"lost", lost=True)
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["audit_unavailable"] > 0)
    harness.store.away = False
    assert await client.bodies(1) == [b"lost"]


async def test_a_gap_while_the_store_is_away_is_filled_when_it_is_back(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.away = True
    harness.store.publish(ROOM, b"lost", lost=True)
    harness.store.publish(ROOM, b"held")
    harness.store.publish("all", b"other topics go on")
    assert await client.bodies(1) == [b"other topics go on"]
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["repair_unavailable"] > 0)
    harness.store.away = False
    assert await client.bodies(2) == [b"lost", b"held"]


async def test_more_than_can_be_held_is_read_from_the_store(nats_url: str, prefix: str) -> None:
    limits = {"recent_messages": 8}
    async with running_gateway(nats_url, prefix, limits) as harness:
        harness.store.page_messages = 7
        client = await harness.tcp(**CLIENT)
        await harness.settled()
        harness.store.away = True
        for number in range(50):
            harness.store.publish(ROOM, b"%d" % number, lost=number == 0)
        await harness.delivered()
        topic = harness.gateway.interest.topics[ROOM]
        assert topic.held is not None
        assert len(topic.held.messages) == 8
        harness.store.away = False
        assert await client.bodies(50) == [b"%d" % number for number in range(50)]
        await client.is_quiet()


async def test_a_gap_that_retention_has_taken_is_told(harness: Harness) -> None:
    plain, ext = await harness.tcp(**CLIENT), await harness.tcp(**CLIENT, ext=1)
    await harness.settled()
    await ext.until_live("room:live://1")
    seen = harness.store.publish(ROOM, b"seen")
    assert await plain.bodies(1) == [b"seen"]
    gone = harness.store.publish(ROOM, b"gone", lost=True)
    harness.store.trim(ROOM, gone)
    harness.store.publish(ROOM, b"next")
    assert await plain.bodies(1) == [b"next"]
    frames = [await ext.receive() for _ in range(5)]
    assert [one.operation for one in frames] == [19, 1000, 28, 19, 1000]
    assert loads(frames[2].body) == {"topic": "room:live://1", "after": seen, "to": gone}
    assert harness.gateway.counters.gaps_told >= 1


async def test_after_an_outage_all_that_was_missed_comes_first(
    nats_url: str, prefix: str, proxy: Proxy
) -> None:
    async with running_gateway(nats_url, prefix, gateway_nats_url=proxy.url) as harness:
        client = await harness.tcp(**CLIENT)
        await harness.settled()
        harness.store.publish(ROOM, b"before")
        assert await client.bodies(1) == [b"before"]
        proxy.cut()
        await harness.is_true(lambda: not harness.gateway.bus.connected)
        for number in range(5):
            harness.store.publish(ROOM, b"missed %d" % number, operation=number)
        assert (await client.ask(4, b"x")).body == b""  # clients stay
        await harness.bus.flush()
        await proxy.mend()
        await harness.is_true(lambda: harness.gateway.bus.connected)
        harness.store.publish(ROOM, b"after", operation=99)
        expected = [b"missed %d" % number for number in range(5)]
        assert await client.bodies(6) == [*expected, b"after"]
        harness.store.publish(ROOM, b"live", operation=98)
        assert await client.bodies(1) == [b"live"]
        assert harness.gateway.bus.reconnects == 1


async def test_who_logs_in_and_who_leaves_during_an_outage_leaves_nothing_behind(
    nats_url: str, prefix: str, proxy: Proxy
) -> None:
    async with running_gateway(nats_url, prefix, gateway_nats_url=proxy.url) as harness:
        leaving, staying = await harness.tcp(**CLIENT), await harness.tcp(mid=6, room_id="live://1")
        proxy.cut()
        await harness.is_true(lambda: not harness.gateway.bus.connected)
        await leaving.finish()
        newcomer = await harness.ws()
        newcomer.send(7, b"{}")
        assert (await newcomer.closed()).code == 4007
        await staying.ask(12, b"live://2")
        await proxy.mend()
        await harness.settled()
        harness.store.publish("room.live.2", b"x")
        assert await staying.bodies(1) == [b"x"]
        await staying.finish()
        await harness.emptied()


async def test_a_room_is_left_and_entered_without_a_hole(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    harness.store.publish("room.live.2", b"before")
    await harness.delivered()
    frame = await client.ask(12, b"live://2")
    assert (frame.operation, frame.body) == (13, b"live://2")
    for number in range(50):  # while the store is being asked
        harness.store.publish("room.live.2", b"%d" % number)
    assert await client.bodies(50) == [b"%d" % number for number in range(50)]
    harness.store.publish(ROOM, b"left")
    await harness.delivered()
    await client.is_quiet()
    assert set(harness.gateway.interest.topics) == {"member.5", "all", "room.live.2"}


async def test_who_was_told_that_it_is_in_misses_nothing(harness: Harness) -> None:
    for number in range(30):
        client = await harness.tcp(mid=number + 1, room_id=f"live://login{number}")
        harness.store.publish(f"room.live.login{number}", b"after the login")
        assert await client.bodies(1) == [b"after the login"]
        assert (await client.ask(12, b"live://next%d" % number)).operation == 13
        harness.store.publish(f"room.live.next{number}", b"after the change")
        assert await client.bodies(1) == [b"after the change"]


async def test_many_who_come_at_once_wait_for_nats_together(harness: Harness) -> None:
    flushes = 0
    flush = harness.gateway.bus.flush

    async def counted(seconds: float = 1.0) -> None:
        nonlocal flushes
        flushes += 1
        await flush(seconds)

    harness.gateway.bus.flush = counted  # type: ignore[method-assign]
    clients = [await harness.tcp() for _ in range(40)]
    for number, client in enumerate(clients):
        client.send(7, b'{"mid":%d,"room_id":"live://%d"}' % (number + 1, number))
        client.send(12, b"live://x%d" % number, sequence=2)
        client.send(2, sequence=3)
    for client in clients:
        assert [(await client.receive()).operation for _ in range(3)] == [8, 13, 3]
    assert flushes < 40


async def test_who_leaves_before_nats_has_answered_leaves_nothing(harness: Harness) -> None:
    answered = asyncio.Event()

    async def slow(seconds: float = 1.0) -> None:
        await answered.wait()

    harness.gateway.bus.flush = slow  # type: ignore[method-assign]
    leaving, moving = await harness.tcp(), await harness.tcp()
    for client in (leaving, moving):
        client.send(7, b'{"mid":5,"room_id":"live://1"}')
    await harness.is_true(lambda: len(harness.gateway.hub.connections) == 2)
    leaving.reset()
    await harness.is_true(lambda: len(harness.gateway.hub.connections) == 1)
    answered.set()
    assert (await moving.receive()).operation == 8
    harness.store.publish(ROOM, b"x")
    assert await moving.bodies(1) == [b"x"]
    await moving.finish()
    await harness.emptied()


async def test_a_callback_that_is_late_for_its_topic_does_no_harm(harness: Harness) -> None:
    client = await harness.tcp(**CLIENT)
    await harness.settled()
    topic = harness.gateway.interest.topics[ROOM]
    await client.finish()
    await harness.emptied()
    harness.gateway.interest.repairs.start(topic)
    assert topic.arrive(Delivery(200, 1000, b""), 150) is not None
    harness.gateway.interest.repairs.start(topic)
    await harness.is_true(lambda: topic not in harness.gateway.interest.repairs)
