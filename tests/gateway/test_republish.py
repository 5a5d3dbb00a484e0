"""What nats-server itself republishes reaches clients; what is lost last before an outage too."""

from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest_asyncio

from bus.connection import Bus
from bus.stream_api import request_api
from schemas.headers import MESSAGE_ID, encode_headers, republished
from store.definitions import Storage, stream_config
from store.retention import Limits
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.proxy import Proxy

ROOM = "room.live.1"
CLIENT: dict[str, Any] = {"mid": 5, "room_id": "live://1", "accepts": [1000], "ext": 1}
STORAGE = Storage(1, 100_000, 600, 86_400)


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    """A gateway beside streams that are configured as the store does it."""
    async with running_gateway(nats_url, prefix) as running:
        for kind in ("ROOM", "MEMBER"):
            config = stream_config(running.bus.subjects, kind, Limits(100, 600.0), STORAGE)
            await request_api(running.bus, f"STREAM.CREATE.{config['name']}", config)
        yield running


async def publish(bus: Bus, topic: str, body: bytes, operation: int = 1000, name: str = "") -> int:
    """Have JetStream store a message; return its sequence."""
    headers = encode_headers({MESSAGE_ID: name}) if name else None
    reply = await bus.call(bus.subjects.push(topic, operation), body, headers=headers)
    sequence: int = loads(reply.payload)["seq"]
    return sequence


async def test_what_nats_server_republishes_is_what_clients_get(harness: Harness) -> None:
    harness.store.end = 0  # the real streams begin
    blocks: list[bytes | None] = []
    heard = harness.bus.subjects.interest(ROOM)
    harness.bus.subscribe(heard, lambda _subject, _reply, _body, block: blocks.append(block))
    client = await harness.ws(**CLIENT)
    for label in ("member", "all", "room:live://1"):
        await client.until_live(label)
    harness.store.away = True  # asked for these topics, it would say that they begin anew
    bus, expected = harness.bus, []
    for number in range(5):
        body = b"%d" % number
        expected.append((await publish(bus, ROOM, body, name=f"id {number}"), body))
    assert await publish(bus, ROOM, b"4", name="id 4") == expected[-1][0]  # stored once
    expected.append((await publish(bus, ROOM, b"other", operation=-7), b"other"))
    received: list[tuple[int, bytes]] = []
    while len(received) < len(expected):
        frame = await client.receive()
        if frame.operation != 19:
            received.append((frame.sequence, frame.body))
    assert received == expected
    await harness.delivered()
    read = [republished(block) for block in blocks if block]
    assert [one and one[0] for one in read] == [sequence for sequence, _ in expected]
    sequence = await publish(bus, "member.5", b"to five")
    frames = [await client.receive() for _ in range(2)]
    assert loads(frames[0].body) == {"topic": "member", "sequence": sequence}
    assert (frames[1].sequence, frames[1].body) == (sequence, b"to five")
    await harness.delivered()
    await client.is_quiet()
    assert harness.gateway.counters.gaps_repaired == 0


async def test_a_message_that_was_lost_last_comes_after_the_outage(
    nats_url: str, prefix: str
) -> None:
    proxy = await Proxy(nats_url).mend()
    async with running_gateway(nats_url, prefix, gateway_nats_url=proxy.url) as harness:
        client = await harness.tcp(**CLIENT | {"ext": 0})
        await harness.settled()
        proxy.cut()
        await harness.is_true(lambda: not harness.gateway.bus.connected)
        harness.store.publish(ROOM, b"last of the room")
        harness.store.publish("member.5", b"last of the member")
        await harness.bus.flush()
        await proxy.mend()
        assert sorted(await client.bodies(2)) == [b"last of the member", b"last of the room"]
        await client.is_quiet()
    await proxy.end()
