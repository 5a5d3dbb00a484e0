"""Who comes, comes back or is slow gets what it lacks from the store, then goes live."""

import asyncio
from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest
import pytest_asyncio

from gateway.catch_up import gap_body, sender_number, stored_delivery
from gateway.fanout import Delivery
from schemas.messages_pb2 import ReplayReply, StoredMessage, TopicMessages, Want
from tests.gateway.clients import TcpClient
from tests.gateway.harness import Harness, running_gateway

PHONE: dict[str, Any] = {"mid": 5, "key": "phone", "accepts": [1000]}
MEMBER, ROOM = "member.5", "room.live.1"


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


def publish(harness: Harness, topic: str, first: int, last: int) -> None:
    for number in range(first, last + 1):
        harness.store.publish(topic, b"%d" % number)


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last + 1)]


async def test_a_new_device_gets_all_of_its_member_page_by_page_then_what_comes(
    harness: Harness,
) -> None:
    harness.store.page_messages = 7
    publish(harness, MEMBER, 1, 50)
    client = await harness.ws(**PHONE)
    publish(harness, MEMBER, 51, 60)
    assert await client.bodies(60) == numbers(1, 60)
    publish(harness, MEMBER, 61, 61)
    assert await client.bodies(1) == numbers(61, 61)
    assert harness.gateway.counters.replayed >= 50


async def test_what_comes_while_pages_are_read_comes_after_them_and_once(
    harness: Harness,
) -> None:
    harness.store.page_messages = 3
    publish(harness, MEMBER, 1, 20)
    client = await harness.tcp(**PHONE)
    for number in range(21, 200):
        publish(harness, MEMBER, number, number)
        await asyncio.sleep(0)
    assert await client.bodies(199) == numbers(1, 199)
    await client.is_quiet()


async def test_a_device_that_comes_back_goes_on_where_it_was(harness: Harness) -> None:
    publish(harness, MEMBER, 1, 3)
    first = await harness.tcp(**PHONE)
    assert await first.bodies(3) == numbers(1, 3)
    await first.finish()
    await harness.emptied()
    publish(harness, MEMBER, 4, 6)
    again = await harness.tcp(**PHONE)
    assert await again.bodies(3) == numbers(4, 6)
    await again.is_quiet()


async def test_nobody_in_particular_begins_where_a_known_topic_is_without_the_store(
    harness: Harness,
) -> None:
    await harness.tcp(**PHONE, room_id="live://1")
    await harness.settled()
    publish(harness, ROOM, 1, 3)
    publish(harness, "all", 4, 4)
    harness.store.away = True
    client = await harness.tcp(accepts=[1000], room_id="live://1", ext=1)
    await client.until_live("all")
    await client.until_live("room:live://1")
    publish(harness, ROOM, 5, 6)
    publish(harness, "all", 7, 7)
    assert sorted(await client.bodies(3)) == numbers(5, 7)
    await client.is_quiet()


async def test_an_ext_client_says_where_it_is(harness: Harness) -> None:
    publish(harness, MEMBER, 1, 5)
    publish(harness, ROOM, 6, 9)
    resume = {"member": 103, "rooms": {"live://1": 107}}
    client = await harness.tcp(**PHONE, room_id="live://1", ext=1, resume=resume)
    assert sorted(await client.bodies(4)) == numbers(4, 5) + numbers(8, 9)
    await harness.settled()


async def test_an_ext_client_asks_for_the_newest(harness: Harness) -> None:
    publish(harness, MEMBER, 1, 5)
    publish(harness, ROOM, 6, 9)
    resume = {"member": -2, "rooms": {"live://1": -1}}
    client = await harness.tcp(**PHONE, room_id="live://1", ext=1, resume=resume)
    assert sorted(await client.bodies(3)) == numbers(4, 5) + numbers(9, 9)


async def test_the_newest_of_a_room_are_for_who_may_see_its_history(harness: Harness) -> None:
    publish(harness, ROOM, 1, 5)
    harness.auth.grant = {"rooms": [{"pattern": "live://1", "receive": True}]}
    client = await harness.tcp(
        **PHONE, room_id="live://1", ext=1, resume={"rooms": {"live://1": -3}}
    )
    await client.until_live("room:live://1")
    await harness.settled()
    publish(harness, ROOM, 6, 6)
    assert await client.bodies(1) == numbers(6, 6)


@pytest.mark.parametrize("asked", [-(2**32), -(2**40), -(2**63), 2**62])
async def test_a_position_that_no_stream_has_does_not_keep_others_from_theirs(
    harness: Harness, asked: int
) -> None:
    publish(harness, MEMBER, 1, 2)
    resume = {"member": asked, "all": asked, "rooms": {"live://1": asked}}
    strange = await harness.tcp(mid=6, room_id="live://1", ext=1, resume=resume)
    client = await harness.tcp(**PHONE)
    assert await client.bodies(2) == numbers(1, 2)
    await harness.settled()
    await strange.until_live("all")


async def test_a_store_that_believes_such_a_position_spoils_no_topic(harness: Harness) -> None:
    page = harness.store._page

    def believing(want: Want) -> TopicMessages:
        return page(want) if want.mid == 5 else TopicMessages(started_after=2**62, reached=100)

    harness.store._page = believing  # type: ignore[method-assign]
    await harness.tcp(mid=6, room_id="live://1", ext=1, resume={"all": 2**62})
    await harness.settled()
    client = await harness.tcp(**PHONE, room_id="live://1")
    await harness.settled()
    for topic in (MEMBER, "all", ROOM):
        harness.store.publish(topic, b"x")
    assert await client.bodies(3) == [b"x", b"x", b"x"]


async def test_a_store_that_is_behind_is_not_asked_without_end(harness: Harness) -> None:
    first = await harness.tcp(mid=6, room_id="live://1")
    await harness.settled()
    publish(harness, ROOM, 1, 200)  # more than the gateway keeps
    assert await first.bodies(200) == numbers(1, 200)
    end, harness.store.end = harness.store.end, 100
    stored, harness.store.topics[ROOM] = harness.store.topics[ROOM], []
    second = await harness.tcp(**PHONE, room_id="live://1")
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["replay_unavailable"] > 1)
    assert len(harness.store.replays) < 15
    harness.store.end, harness.store.topics[ROOM] = end, stored
    await harness.settled()
    harness.store.publish(ROOM, b"new")
    assert await second.bodies(201) == [*numbers(1, 200), b"new"]


async def test_an_ext_client_is_told_when_it_is_live(harness: Harness) -> None:
    publish(harness, MEMBER, 1, 2)
    client = await harness.ws(**PHONE, room_id="live://1", ext=1)
    frames = [await client.receive() for _ in range(6)]
    said = [loads(one.body) for one in frames if one.operation == 19]
    assert {"topic": "member", "sequence": 102} in said
    assert {"topic": "member", "sequence": 102, "live": True} in said
    assert {"topic": "room:live://1", "sequence": 102, "live": True} in said


async def test_a_gap_of_retention_is_told_to_ext_clients_and_skipped_by_others(
    harness: Harness,
) -> None:
    publish(harness, MEMBER, 1, 5)
    harness.store.trim(MEMBER, 103)
    harness.store.positions[5, "phone", MEMBER] = 101
    plain = await harness.tcp(**PHONE)
    assert await plain.bodies(2) == numbers(4, 5)
    ext = await harness.tcp(mid=5, key="tablet", ext=1, accepts=[1000], resume={"member": 102})
    while (frame := await ext.receive()).operation != 28:
        pass
    assert loads(frame.body) == {"topic": "member", "after": 102, "to": 103}
    assert await ext.bodies(2) == numbers(4, 5)
    assert harness.gateway.counters.gaps_told == 2


async def test_clients_are_served_when_the_store_is_back(harness: Harness) -> None:
    publish(harness, MEMBER, 1, 3)
    harness.store.away = True
    clients = [await harness.ws(mid=5, key=str(number), accepts=[1000]) for number in range(3)]
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["replay_unavailable"] >= 6)
    publish(harness, MEMBER, 4, 4)
    harness.store.away = False
    for client in clients:
        assert await client.bodies(4) == numbers(1, 4)


async def test_one_that_left_while_the_store_was_asked_gets_nothing(harness: Harness) -> None:
    harness.store.away = True
    client = await harness.tcp(**PHONE, room_id="live://1")
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["replay_unavailable"] > 0)
    await client.ask(12, b"live://2")
    await client.finish()
    harness.store.away = False
    await harness.emptied()


async def test_a_store_that_answers_nonsense_is_asked_again(harness: Harness) -> None:
    publish(harness, MEMBER, 1, 1)
    answers = [
        ReplayReply(),
        ReplayReply(topics=[TopicMessages(topic="x")] * 3),
        ReplayReply(topics=[refusing_page()] * 2),
    ]
    replay = harness.store.replay

    async def answer(request: Any) -> ReplayReply:
        return answers.pop(0) if answers else await replay(request)

    harness.store.replay = answer  # type: ignore[method-assign]
    service = harness.services["store"]
    await service.stop()
    harness.serve_store()
    await harness.bus.flush()
    client = await harness.tcp(**PHONE)
    assert await client.bodies(1) == numbers(1, 1)
    assert harness.gateway.counters.refused["replay_unavailable"] == 6


def refusing_page() -> TopicMessages:
    page = TopicMessages(topic="x")
    page.error.code, page.error.message = 503, "busy"
    return page


async def test_many_are_asked_for_in_few_requests(harness: Harness) -> None:
    requests = 0
    replay = harness.store.replay

    async def counted(request: Any) -> ReplayReply:
        nonlocal requests
        requests += 1
        return await replay(request)

    harness.store.replay = counted  # type: ignore[method-assign]
    await harness.services["store"].stop()
    harness.serve_store()
    await harness.bus.flush()
    clients = [await TcpClient.connect(harness.tcp_port) for _ in range(60)]
    harness.clients += clients
    for number, client in enumerate(clients):
        client.send(7, b'{"mid":%d,"room_id":"live://1"}' % (number + 1))
    for client in clients:
        await client.receive()
    await harness.settled()
    assert len(harness.store.replays) == 180
    assert requests < 60


async def test_a_slow_client_falls_behind_alone_and_gets_everything_when_it_reads(
    nats_url: str, prefix: str
) -> None:
    limits = {"recent_messages": 10}
    async with running_gateway(nats_url, prefix, limits) as harness:
        harness.store.page_messages = 20
        slow, other = [await harness.ws(mid=5, room_id="live://1") for _ in range(2)]
        await harness.settled()
        connection, reading = [
            next(
                one
                for one in harness.gateway.hub.connections.values()
                if one.transport.get_extra_info("peername")
                == client.writer.get_extra_info("sockname")
            )
            for client in (slow, other)
        ]
        bodies = [b"%04d" % number + b"x" * 10_000 for number in range(1500)]
        for start in range(0, 1500, 50):
            for body in bodies[start : start + 50]:
                harness.store.publish(ROOM, body)
            assert await other.bodies(50) == bodies[start : start + 50]
            await harness.is_true(lambda: not reading.blocked and not reading.behind)
            harness.bus.publish(harness.bus.subjects.cast(ROOM, 5), b"cast")
            assert await other.bodies(1) == [b"cast"]
            unsent = connection.transport.get_write_buffer_size()
            assert unsent < 65_536 + 51 * 10_100  # the limit, and one batch or page
        assert connection.blocked
        assert connection in harness.gateway.stalled
        assert await bodies_without(slow, b"cast", 1500) == bodies
        slow.send(2)
        while (frame := await slow.receive()).operation != 3:
            assert frame.body == b"cast"
        assert not harness.gateway.stalled
        assert harness.gateway.counters.dropped["catching_up"] > 0  # casts


async def bodies_without(client: TcpClient, unwanted: bytes, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        found += [body for body in await client.bodies(1) if body != unwanted]
    return found


async def test_who_never_reads_is_closed_after_a_while(nats_url: str, prefix: str) -> None:
    limits = {"unsent_bytes": 1000, "send_buffer_bytes": 5000, "stalled_seconds": 0.1}
    async with running_gateway(nats_url, prefix, limits) as harness:
        harness.store.page_messages = 5
        for connect in (harness.tcp, harness.ws):
            await connect(mid=5, room_id="live://1")
        await harness.settled()
        while harness.gateway.hub.connections:
            harness.store.publish(ROOM, b"x" * 100_000)
            await harness.delivered()
        await harness.emptied()
        assert harness.gateway.counters.closed == {4010: 2}


async def test_keys_are_not_pushed_to_who_does_not_read(nats_url: str, prefix: str) -> None:
    limits = {"unsent_bytes": 1000, "send_buffer_bytes": 5000}
    async with running_gateway(nats_url, prefix, limits) as harness:
        await harness.tcp(**PHONE)
        await harness.settled()
        while not harness.gateway.stalled:
            harness.store.publish(MEMBER, b"x" * 100_000)
            await harness.delivered()
        assert harness.gateway.hub.by_key["phone"].blocked


def test_a_stored_message_is_delivered_as_it_is_or_stamped() -> None:
    message = StoredMessage(sequence=7, operation=5, body=b"x", session="gw.12")
    assert stored_delivery(message, "gw") == Delivery(7, 5, b"x", 12)
    assert stored_delivery(message, "other") == Delivery(7, 5, b"x", 0)
    message.stamp, message.sender, message.time_ms = True, 5, 1000
    stamped = {"from": 5, "sequence": 7, "time": 1000, "body": "x"}
    assert loads(stored_delivery(message, "gw").body) == stamped


@pytest.mark.parametrize(
    ("session", "number"),
    [
        ("gw.12", 12),
        ("gw.", 0),
        ("gw", 0),
        ("", 0),
        ("gw.x", 0),
        ("gw.-1", 0),
        ("gw.\N{SUPERSCRIPT TWO}", 0),
        ("gw." + "9" * 30, 0),
        ("gw.gw.12", 0),
        ("other.12", 0),
    ],
)
def test_a_session_is_a_connection_here_or_nobody(session: str, number: int) -> None:
    assert sender_number(session, "gw") == number


def test_a_gap_is_told_with_any_room_name() -> None:
    assert gap_body("room:a://é", 1, 2**40).decode() == (
        '{"topic":"room:a://é","after":1,"to":1099511627776}'
    )
