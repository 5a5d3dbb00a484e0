"""What a device has got for certain: by op 18, or by what its kernel has acknowledged."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from json import dumps
from typing import Any

import pytest
import pytest_asyncio

from bus.errors import RpcError
from gateway import positions
from schemas.operations import Operation
from tests.gateway.clients import TcpClient
from tests.gateway.harness import Harness, running_gateway

PHONE: dict[str, Any] = {"mid": 5, "key": "phone", "room_id": "live://1", "accepts": [1000]}
ROOM, MEMBER = "room.live.1", "member.5"


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


def position(harness: Harness, topic: str, device: str = "phone") -> int | None:
    return harness.store.positions.get((5, device, topic))


async def saved(harness: Harness, topic: str, sequence: int, device: str = "phone") -> None:
    """Wait until the store has this position."""
    await harness.is_true(lambda: position(harness, topic, device) == sequence)


async def test_what_was_acknowledged_before_a_frame_is_certain(harness: Harness) -> None:
    client = await harness.tcp(**PHONE)
    await harness.settled()
    sequences = [harness.store.publish(topic, b"x") for topic in (MEMBER, ROOM, "all")]
    await client.bodies(3)
    await client.is_quiet()
    for topic, sequence in zip((MEMBER, ROOM, "all"), sequences, strict=True):
        await saved(harness, topic, sequence)


async def test_after_a_fin_all_that_was_read_is_saved_at_once(harness: Harness) -> None:
    client = await harness.ws(**PHONE)
    await harness.settled()
    sequence = harness.store.publish(MEMBER, b"x")
    await client.bodies(1)
    await client.finish()
    await saved(harness, MEMBER, sequence)


async def test_after_a_reset_only_what_was_certain_before_is(harness: Harness) -> None:
    client = await harness.tcp(**PHONE)
    await harness.settled()
    certain = harness.store.publish(MEMBER, b"x")
    await client.bodies(1)
    await client.is_quiet()
    harness.store.publish(MEMBER, b"y")
    await client.bodies(1)
    client.reset()
    await harness.emptied()
    await saved(harness, MEMBER, certain)
    again = await harness.tcp(**PHONE)
    assert await again.bodies(1) == [b"y"]


async def test_what_the_kernel_has_not_got_rid_of_is_not_certain(
    nats_url: str, prefix: str
) -> None:
    limits = {"unsent_bytes": 1 << 22}
    async with running_gateway(nats_url, prefix, limits) as harness:
        client = await harness.tcp(**PHONE)
        await harness.settled()
        start = position(harness, MEMBER) or 0
        for _ in range(30):
            harness.store.publish(MEMBER, b"x" * 100_000)  # more than the kernels keep
        await harness.delivered()
        (connection,) = harness.gateway.hub.connections.values()
        await harness.is_true(lambda: connection.messages_sent == 30)
        client.send(2)
        await harness.is_true(lambda: connection.frames_received == 2)
        assert (connection.delivered or {}).get(MEMBER, 0) <= max(start, 100)
        assert len(await client.bodies(30)) == 30
        assert (await client.receive()).operation == 3
        await client.is_quiet()
        await saved(harness, MEMBER, harness.store.end)


async def test_an_ext_client_says_what_it_has_handled(harness: Harness) -> None:
    client = await harness.tcp(**PHONE, ext=1)
    await client.until_live("room:live://1")
    first, second = [harness.store.publish(ROOM, b"x") for _ in range(2)]
    await client.bodies(2)
    acknowledge(client, rooms={"live://1": first})
    await saved(harness, ROOM, first)
    acknowledge(client, rooms={"live://1": 10**15, "live://2": 5, "x": 1}, member=99, other=4)
    await saved(harness, ROOM, second)  # never past what was sent
    assert position(harness, MEMBER) == 99
    acknowledge(client, rooms={"live://1": 1})
    await client.is_quiet()
    await client.finish()
    await harness.emptied()
    assert position(harness, ROOM) == second
    assert position(harness, "all") is None  # it has not said so
    assert {topic for _, _, topic in harness.store.positions} == {ROOM, MEMBER}


async def test_an_ext_client_that_acknowledges_too_early_gets_the_rest(harness: Harness) -> None:
    sequences = [harness.store.publish(MEMBER, b"%d" % number) for number in range(5)]
    client = await harness.tcp(**PHONE, ext=1)
    acknowledge(client, member=10**12)
    assert await client.bodies(5) == [b"0", b"1", b"2", b"3", b"4"]
    client.reset()
    await harness.emptied()
    assert (position(harness, MEMBER) or 0) <= sequences[-1]


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"member":-1}', b'{"member":"x"}', b"\xff"])
async def test_an_acknowledgement_that_makes_no_sense_changes_nothing(
    harness: Harness, body: bytes
) -> None:
    client = await harness.tcp(**PHONE, ext=1)
    await client.until_live("room:live://1")
    client.send(Operation.ACKNOWLEDGE, body)
    await client.is_quiet()
    (connection,) = harness.gateway.hub.connections.values()
    assert connection.delivered is None


async def test_an_anonymous_client_has_no_position(harness: Harness) -> None:
    for ext in (0, 1):
        client = await harness.tcp(key="k", room_id="live://1", ext=ext)
        await harness.settled()
        harness.store.publish(ROOM, b"x")
        assert await client.bodies(1) == [b"x"]
        acknowledge(client, rooms={"live://1": 1})
        client.send(2)
        await client.finish()
    await harness.emptied()
    assert harness.store.positions == {}


async def test_devices_of_a_member_have_their_own_positions(harness: Harness) -> None:
    tokens: list[dict[str, Any]] = [{"key": "phone"}, {"platform": "web"}, {"x": 1}]
    for number, token in enumerate(tokens):
        client = await harness.tcp(mid=5, accepts=[1000], **token)
        await harness.settled()
        harness.store.publish(MEMBER, b"x")
        await client.bodies(number + 1)  # each gets all from the beginning
        await client.is_quiet()
        await client.finish()
        await harness.emptied()
    devices = ("phone", "web", "default")
    await harness.is_true(lambda: all(position(harness, MEMBER, one) for one in devices))


async def test_positions_are_kept_while_the_store_is_away(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "SAVE_SECONDS", 1000)  # not before the replay is asked for
    async with running_gateway(nats_url, prefix) as harness:
        harness.store.publish(MEMBER, b"old")
        client = await harness.tcp(**PHONE)
        assert await client.bodies(1) == [b"old"]
        await harness.settled()
        harness.store.away = True
        sequence = harness.store.publish(MEMBER, b"x")
        await client.bodies(1)
        await client.finish()
        refused = harness.gateway.counters.refused
        await harness.is_true(lambda: refused["positions_unavailable"] > 0)
        assert position(harness, MEMBER) != sequence
        again = await harness.tcp(**PHONE)
        await harness.is_true(lambda: refused["replay_unavailable"] > 0)
        harness.store.away = False
        await harness.settled()
        asked = [want.after for want in harness.store.replays if want.topic == MEMBER]
        assert asked[-1] == sequence
        await again.is_quiet()  # it has got that already, though the store did not know
        harness.gateway.positions.save_soon()
        await saved(harness, MEMBER, sequence)


async def test_what_the_store_never_takes_is_let_go(harness: Harness) -> None:
    client = await harness.tcp(**PHONE)
    await harness.settled()
    harness.store.refusal = RpcError(400, "past the end of the stream", "never")
    harness.store.publish(MEMBER, b"x")
    await client.bodies(1)
    await client.finish()
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["positions_refused"] > 0)
    assert harness.gateway.positions.unsaved(5, "phone", MEMBER) is None


async def test_many_devices_are_saved_in_few_requests(harness: Harness) -> None:
    saves = harness.store.saves
    clients = [await harness.tcp(mid=number, key=f"k{number}") for number in range(1, 41)]
    await harness.settled()
    for client in clients:
        client.send(2)
        await client.receive()
    harness.gateway.positions.save_soon()
    await harness.is_true(lambda: len(harness.store.positions) == 80)
    assert harness.store.saves - saves <= 5


def has_told(harness: Harness, saves: int) -> bool:
    """Tell whether the store was told so many times."""
    return harness.store.saves == saves


async def test_who_leaves_while_others_are_saved_does_not_wait_for_them(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "SAVE_SECONDS", 1000)
    monkeypatch.setattr(positions, "SAVES_IN_FLIGHT", 2)
    async with running_gateway(nats_url, prefix) as harness:
        harness.store.on_position = asyncio.Event()
        names = ("one", "two", "three")
        clients = [await harness.tcp(**{**PHONE, "key": key}) for key in names]
        await harness.settled()
        sequence = harness.store.publish(MEMBER, b"x")
        saves = harness.store.saves
        for number, client in enumerate(clients):
            await client.bodies(1)
            await client.finish()
            told = saves + min(number + 1, 2)  # the third has to wait for one of the others
            await harness.is_true(partial(has_told, harness, told))
        await harness.emptied()
        assert harness.gateway.positions.unsaved(5, "three", MEMBER) == sequence
        harness.store.on_position.set()
        for device in names:
            await saved(harness, MEMBER, sequence, device)


async def test_so_many_devices_wait_to_be_saved_and_no_more(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "MOST_UNSAVED_DEVICES", 2)
    harness.store.away = True
    for number in range(1, 5):
        await harness.tcp(mid=number, key=f"k{number}", ext=1)
    for connection in harness.gateway.hub.connections.values():
        harness.gateway.positions._note(connection, "all", 5)
    assert harness.gateway.counters.refused["unsaved_positions"] == 2
    harness.store.away = False


async def test_at_the_end_everything_is_saved(harness: Harness) -> None:
    client = await harness.tcp(**PHONE)
    await harness.settled()
    sequence = harness.store.publish(MEMBER, b"x")
    await client.bodies(1)
    await client.is_quiet()
    await harness.gateway.positions.drain(30.0)
    assert position(harness, MEMBER) == sequence


async def test_the_end_does_not_wait_for_a_store_that_is_away(harness: Harness) -> None:
    client = await harness.tcp(**PHONE)
    await harness.settled()
    harness.store.away = True
    harness.store.publish(MEMBER, b"x")
    await client.bodies(1)
    await client.is_quiet()
    await harness.gateway.positions.drain(0.05)
    assert harness.gateway.positions.unsaved(5, "phone", MEMBER) == harness.store.end
    harness.store.away = False


def acknowledge(client: TcpClient, **handled: Any) -> None:
    client.send(Operation.ACKNOWLEDGE, dumps(handled).encode())
