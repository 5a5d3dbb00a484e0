"""The fast path of delivery: in order with all else that is written, whole, and bounded."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.connection import Connection
from gateway.writing import NO_DESCRIPTOR, Writer
from schemas.frame import encode_frame
from tests.gateway.clients import TcpClient
from tests.gateway.harness import Harness, running_gateway


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, {"unsent_bytes": 50_000}) as running:
        yield running


async def pair(harness: Harness, mid: int = 5) -> tuple[TcpClient, Connection]:
    """A client, and its connection on the gateway."""
    client = await harness.tcp(mid=mid, key=str(mid))
    await harness.settled()
    return client, harness.gateway.hub.by_key[str(mid)]


async def test_all_that_is_written_keeps_its_order(harness: Harness) -> None:
    client, connection = await pair(harness)
    for number in range(300):
        if number % 3:
            connection.send(encode_frame(1000, b"%d" % number), 1)
        else:
            connection.send_frame(1000, b"%d" % number)
    assert await client.bodies(300) == [b"%d" % number for number in range(300)]


async def test_what_the_kernel_does_not_take_waits_in_order(harness: Harness) -> None:
    client, connection = await pair(harness)
    bodies = [b"%05d" % number + b"x" * 30_000 for number in range(300)]
    for body in bodies:
        connection.send(encode_frame(1000, body), 1)
    assert connection.blocked
    assert connection.transport.get_write_buffer_size() > 50_000
    assert await client.bodies(300) == bodies
    await harness.is_true(lambda: not connection.blocked)
    assert harness.gateway.counters.messages_sent == 300


async def test_all_get_the_same_but_the_blocked(harness: Harness) -> None:
    first, second, third = [await pair(harness, number) for number in (5, 6, 7)]
    second[1].blocked = True
    third[1].descriptor = NO_DESCRIPTOR  # as with TLS
    kinds: list[int] = []

    def encode(kind: int) -> bytes:
        kinds.append(kind)
        return encode_frame(1000, b"x")

    counters = harness.gateway.counters
    connections = [connection for _, connection in (first, second, third)]
    assert Writer(counters).write_to_all(connections, encode, 2) == [second[1]]
    assert kinds == [0]
    for client, _ in (first, third):
        assert await client.bodies(1) == [b"x"]
    second[1].blocked = False  # one that is blocked is not answered either
    await second[0].is_quiet()
    assert (counters.messages_sent, first[1].messages_sent, second[1].messages_sent) == (4, 2, 0)


async def test_a_peer_that_is_gone_harms_nobody_else(harness: Harness) -> None:
    gone, there = await pair(harness, 5), await pair(harness, 6)
    gone[0].reset()
    await gone[0].writer.wait_closed()
    writer = Writer(harness.gateway.counters)
    frame = encode_frame(1000, b"x" * 100)
    for _ in range(3):
        writer.write_to_all([gone[1], there[1]], lambda kind: frame, 1)
        gone[1].send(frame, 1)
    assert len(await there[0].bodies(3)) == 3
    await there[0].finish()
    await harness.emptied()


async def test_a_connection_that_ended_is_written_to_no_more(harness: Harness) -> None:
    client, connection = await pair(harness)
    assert connection.descriptor >= 0
    await client.finish()
    await harness.emptied()
    assert connection.descriptor == NO_DESCRIPTOR


@pytest.mark.parametrize("size", [1, 1000, 100_000, 3_000_000])
async def test_a_delivery_of_any_size_arrives_whole(harness: Harness, size: int) -> None:
    client, connection = await pair(harness)
    writer = Writer(harness.gateway.counters)
    body = bytes(range(256)) * (size // 256 + 1)
    writer.write_to_all([connection], lambda kind: encode_frame(1000, body), 1)
    connection.send_frame(3, b"after")
    assert await client.bodies(2) == [body, b"after"]
