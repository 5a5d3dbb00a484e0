"""A push to all with a speed: so many connections a second, each message once and in order."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from schemas.headers import SPEED
from tests.gateway.clients import TcpClient
from tests.gateway.harness import Harness, running_gateway


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, presence_seconds=0.1) as running:
        yield running


async def connected(harness: Harness, count: int) -> list[TcpClient]:
    clients = [await harness.tcp(mid=number + 1, accepts=[1000]) for number in range(count)]
    await harness.settled()
    return clients


def push(harness: Harness, body: bytes, speed: int) -> None:
    harness.store.publish("all", body, headers={SPEED: str(speed)})


async def test_a_paced_push_takes_its_time(harness: Harness) -> None:
    clients = await connected(harness, 20)
    started = asyncio.get_running_loop().time()
    push(harness, b"paced", 100)
    for client in clients:
        assert await client.bodies(1) == [b"paced"]
    assert 0.1 < asyncio.get_running_loop().time() - started < 20.0


async def test_a_paced_push_takes_its_time_after_a_loss_too(harness: Harness) -> None:
    clients = await connected(harness, 20)
    started = asyncio.get_running_loop().time()
    harness.store.publish("all", b"lost", lost=True)
    push(harness, b"paced", 100)
    for client in clients:
        assert await client.bodies(2) == [b"lost", b"paced"]
    assert asyncio.get_running_loop().time() - started > 0.1
    await harness.settled()
    harness.store.publish("all", b"next")
    for client in clients:
        assert await client.bodies(1) == [b"next"]


async def test_the_speed_is_of_the_whole_cluster(harness: Harness) -> None:
    harness.presence.reply.connections = 200
    clients = await connected(harness, 10)
    await harness.is_true(lambda: harness.gateway.presence.connections == 200)
    started = asyncio.get_running_loop().time()
    push(harness, b"paced", 500)  # 25 of them are for us
    for client in clients:
        assert await client.bodies(1) == [b"paced"]
    assert asyncio.get_running_loop().time() - started > 0.25


async def test_what_comes_after_a_paced_push_comes_after_it(harness: Harness) -> None:
    clients = await connected(harness, 5)
    push(harness, b"1", 20)
    push(harness, b"2", 20)
    harness.store.publish("all", b"3")
    for client in clients:
        assert await client.bodies(3) == [b"1", b"2", b"3"]
    harness.store.publish("all", b"4")
    for client in clients:
        assert await client.bodies(1) == [b"4"]
    await harness.settled()


async def test_a_push_without_speed_is_not_paced(harness: Harness) -> None:
    clients = await connected(harness, 3)
    for speed in (0, -5):
        push(harness, b"now", speed)
    for client in clients:
        assert await client.bodies(2) == [b"now", b"now"]
    assert harness.gateway.pacing._task is None


async def test_who_leaves_before_its_turn_holds_nobody_up(harness: Harness) -> None:
    clients = await connected(harness, 10)
    push(harness, b"paced", 50)
    await harness.delivered()
    for client in clients[::2]:
        client.reset()
    for client in clients[1::2]:
        assert await client.bodies(1) == [b"paced"]
        await client.finish()
    await harness.emptied()


async def test_one_who_joins_meanwhile_gets_it_or_what_comes_after(harness: Harness) -> None:
    await connected(harness, 10)
    push(harness, b"paced", 50)
    late = await harness.tcp(mid=99, accepts=[1000])
    await harness.is_true(lambda: not harness.gateway.hub.connections[11].behind)
    harness.store.publish("all", b"after")
    bodies = await late.bodies(1)
    if bodies == [b"paced"]:
        bodies += await late.bodies(1)
    assert bodies[-1] == b"after"


async def test_a_gap_before_a_paced_push_is_filled(harness: Harness) -> None:
    clients = await connected(harness, 3)
    harness.store.publish("all", b"lost", lost=True)
    push(harness, b"paced", 100)
    for client in clients:
        assert await client.bodies(2) == [b"lost", b"paced"]
