"""Limits of rates on the wire: what is over one is refused, or in a dry run only counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from json import dumps, loads
from typing import Any

import pytest

from bus.limits import LimitModes
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

BOB: dict[str, Any] = {"mid": 5, "ext": 1, "room_id": "live://1"}
ENFORCE, DRY_RUN = LimitModes("enforce"), LimitModes("dry-run")
FRAMES = {"address_frames_per_second": 0.01, "address_frames_burst": 6}
MESSAGES = {"address_messages_per_second": 0.01, "address_messages_burst": 3}
CONNECTION = {"frames_per_second": 0.01, "frames_burst": 5}


@asynccontextmanager
async def limited(
    nats_url: str, prefix: str, modes: LimitModes, **limits: Any
) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, limits, limit_modes=modes) as harness:
        yield harness


async def send(client: Client, operation: int, body: bytes) -> Any:
    client.send(operation, body)
    while (frame := await client.receive()).operation != 5:
        pass
    return loads(frame.body)


async def heartbeats(client: Client, count: int) -> None:
    """Have so many heartbeats answered."""
    for _ in range(count):
        client.send(2)
    while count:
        count -= (await client.receive()).operation == 3


async def test_all_connections_of_an_address_share_its_frames(nats_url: str, prefix: str) -> None:
    async with limited(nats_url, prefix, ENFORCE, **FRAMES) as harness:
        one, other = await harness.ws(**BOB), await harness.tcp(mid=6)
        elsewhere = await harness.ws(mid=7, address="127.0.0.2")
        await heartbeats(one, 2)
        await heartbeats(other, 2)
        one.send(2)
        closed = await one.closed()
        assert (closed.code, closed.words) == (4009, "too many frames from your address")
        await heartbeats(elsewhere, 5)
        assert harness.gateway.excess.counts["address_frames"] == 1


async def test_all_connections_of_an_address_share_its_messages(nats_url: str, prefix: str) -> None:
    to_member = dumps({"member": 9, "operation": 4, "body": "x"}).encode()
    async with limited(nats_url, prefix, ENFORCE, **MESSAGES) as harness:
        one, other = await harness.ws(**BOB), await harness.tcp(**BOB)
        elsewhere = await harness.ws(**BOB, address="127.0.0.2")
        for client, operation, body in ((one, 4, b"x"), (other, 1000, b"x"), (one, 20, to_member)):
            assert "sequence" in await send(client, operation, body)
        error = (await send(other, 20, to_member))["error"]
        assert (error["code"], error["reason"], error["retry"]) == (
            429,
            "address_messages",
            "later",
        )
        assert 40 <= error["after"] <= 100  # one in 100 s since the first, some of which are over
        assert (await send(one, 4, b"x"))["error"]["code"] == 429
        assert "sequence" in await send(elsewhere, 4, b"x")
        await heartbeats(one, 3)
        assert len(harness.router.sent) == 4


async def test_in_a_dry_run_nothing_is_refused_and_all_is_counted(
    nats_url: str, prefix: str
) -> None:
    async with limited(nats_url, prefix, DRY_RUN, **FRAMES, **MESSAGES, **CONNECTION) as harness:
        client = await harness.ws(**BOB)
        for _ in range(10):
            assert "sequence" in await send(client, 4, b"x")
        await heartbeats(client, 10)
        counts = harness.gateway.excess.counts
        assert counts["address_messages"] == 7
        assert (counts["connection_frames"], counts["address_frames"]) == (16, 15)  # of 21
        assert len(harness.router.sent) == 10
        rows = {one[0]: one[4] for one in harness.gateway.readings()}["goim_limit_exceeded"]
        assert (("address_messages", "dry-run"), 7.0) in rows


@pytest.mark.parametrize("dry", ["connection_frames", "address_frames"])
async def test_one_limit_may_be_tried_while_the_others_hold(
    nats_url: str, prefix: str, dry: str
) -> None:
    modes = LimitModes("enforce", {dry: "dry-run"})
    async with limited(nats_url, prefix, modes, **FRAMES, **CONNECTION) as harness:
        client = await harness.ws(**BOB)
        for _ in range(20):
            client.send(2)
        closed = await client.closed()
        words = (
            "too many frames from your address" if dry == "connection_frames" else "too many frames"
        )
        assert (closed.code, closed.words) == (4009, words)
