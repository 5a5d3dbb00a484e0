"""What the stores are told of devices whose gateway ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway import leaving
from schemas.messages_pb2 import LeavingNotice
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.proxy import Proxy

MEMBER = "member.5"


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


@pytest.fixture(autouse=True)
def _nats_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end waits until NATS has a notice, however busy the machine is."""
    monkeypatch.setattr(leaving, "FLUSH_SECONDS", 30.0)


async def hear(harness: Harness) -> list[tuple[list[str], bool]]:
    """Return a list that gets each notice: the devices, and whether they have left."""
    heard: list[tuple[list[str], bool]] = []

    def take(_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        notice = LeavingNotice.FromString(payload)
        assert {one.mid for one in notice.devices} <= {5}
        heard.append((sorted(one.device for one in notice.devices), not notice.seconds))

    harness.bus.subscribe(harness.bus.subjects.rpc("store", "leaving"), take)
    await harness.bus.flush()
    return heard


async def all_heard(harness: Harness) -> None:
    """Wait until all that the gateway has said is heard."""
    await harness.gateway.bus.flush()
    await harness.bus.flush()


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_device_is_announced_before_it_is_closed_and_has_left_when_it_is_saved(
    harness: Harness, transport: str
) -> None:
    connect = harness.ws if transport == "ws" else harness.tcp
    client = await connect(mid=5, key="phone", accepts=[1000])
    await harness.tcp(mid=5, key="extended", ext=1)
    await harness.tcp(key="anonymous")
    await harness.settled()
    heard = await hear(harness)
    sequence = harness.store.publish(MEMBER, b"x")
    assert await client.bodies(1) == [b"x"]
    harness.store.on_position = asyncio.Event()
    draining = asyncio.ensure_future(harness.server.drain())
    assert await client.closed(hang_up=False)
    await harness.bus.flush()  # NATS had it before the client was closed
    assert heard == [(["phone"], False)]
    saves = harness.store.saves
    client.writer.close()
    await harness.is_true(lambda: harness.store.saves > saves)
    assert heard == [(["phone"], False)]
    harness.store.on_position.set()
    await harness.is_true(lambda: len(heard) > 1)
    assert heard == [(["phone"], False), (["phone"], True)]
    assert harness.store.positions[5, "phone", MEMBER] == sequence
    await draining


async def test_a_device_of_which_nothing_is_known_has_left_when_its_sockets_are_closed(
    harness: Harness,
) -> None:
    first, second = [await harness.tcp(mid=5, platform="web") for _ in range(2)]
    extended = await harness.tcp(mid=5, platform="web", ext=1)
    await harness.settled()
    heard = await hear(harness)
    connections = harness.gateway.hub.connections
    await harness.gateway.leaving.announce(list(connections.values()), 10.0)
    for one in (extended, first):
        one.reset()
    await harness.is_true(lambda: len(connections) == 1)
    await all_heard(harness)
    assert heard == [(["web", "web"], False)]
    second.reset()
    await harness.is_true(lambda: len(heard) > 1)
    assert heard[1:] == [(["web"], True)]


async def test_who_leaves_unannounced_is_not_spoken_of(harness: Harness) -> None:
    heard = await hear(harness)
    client = await harness.tcp(mid=5, key="phone")
    await client.finish()
    await harness.emptied()
    await all_heard(harness)
    assert heard == []


async def test_many_are_announced_in_several_notices(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "DEVICES_IN_A_NOTICE", 2)
    for name in ("one", "three", "two"):
        await harness.tcp(mid=5, key=name)
    heard = await hear(harness)
    await harness.gateway.leaving.announce(list(harness.gateway.hub.connections.values()), 10.0)
    await harness.is_true(lambda: len(heard) == 2)
    assert heard == [(["one", "three"], False), (["two"], False)]


async def test_an_end_goes_on_while_nats_is_away(nats_url: str, prefix: str) -> None:
    proxy = await Proxy(nats_url).mend()
    async with running_gateway(nats_url, prefix, gateway_nats_url=proxy.url) as harness:
        gone, client = [await harness.tcp(mid=5, key=key) for key in ("gone", "phone")]
        await harness.settled()
        heard = await hear(harness)
        connections = list(harness.gateway.hub.connections.values())
        await harness.gateway.leaving.announce(connections, 10.0)
        proxy.cut()
        await harness.is_true(lambda: not harness.gateway.bus.connected)
        await harness.gateway.leaving.announce(connections, 10.0)
        for one in (gone, client):
            one.reset()
        await harness.is_true(lambda: not harness.gateway.hub.sockets)
        await proxy.mend()
        await harness.is_true(lambda: harness.gateway.bus.connected)
        await all_heard(harness)
        assert heard == [(["gone", "phone"], False)]
    await proxy.end()
