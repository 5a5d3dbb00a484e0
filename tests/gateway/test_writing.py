"""The fast path of delivery: in order with all else that is written, whole, and bounded."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import pytest
import pytest_asyncio

from gateway.connection import Connection
from gateway.fanout import Delivery
from gateway.topic import Topic
from gateway.writing import FEWEST_PREPARED, NO_DESCRIPTOR, Prepared, Writer
from schemas.frame import encode_frame
from tests.gateway.clients import Client, TcpClient
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.topics import room_topic


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, {"unsent_bytes": 50_000}) as running:
        yield running


async def pair(harness: Harness, mid: int = 5) -> tuple[TcpClient, Connection]:
    """A client, and its connection on the gateway."""
    client = await harness.tcp(mid=mid, key=str(mid))
    await harness.settled()
    return client, harness.gateway.hub.by_key[str(mid)]


def topic_of(connections: Iterable[Connection]) -> Topic:
    """A topic that these are live on, though they do not know it."""
    topic = room_topic()
    topic.live.update(dict.fromkeys(connections, 0))
    return topic


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
    topic = topic_of(connection for _, connection in (first, second, third))
    assert Writer(counters).write_to_all(topic, encode, 2) == [second[1]]
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
        writer.write_to_all(topic_of([gone[1], there[1]]), lambda kind: frame, 1)
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
    writer.write_to_all(topic_of([connection]), lambda kind: encode_frame(1000, body), 1)
    connection.send_frame(3, b"after")
    assert await client.bodies(2) == [body, b"after"]


ROOM = "room.live.1"


async def crowd(harness: Harness) -> tuple[list[Client], Topic]:
    """As many in a room as are written to by their descriptors alone, of all kinds."""
    clients: list[Client] = []
    for number in range(FEWEST_PREPARED + 3):
        make = (harness.tcp, harness.ws)[number % 2]
        ext = number // 2 % 2
        clients.append(await make(mid=number + 1, key=str(number), room_id="live://1", ext=ext))
    await harness.settled()
    for client in clients:
        client.waiting.clear()
    return clients, harness.gateway.interest.topics[ROOM]


async def say(harness: Harness, topic: Topic, *bodies: bytes) -> None:
    """Publish into the room, and wait until the gateway has delivered it."""
    counters = harness.gateway.counters
    received = counters.messages_received + len(bodies)
    for body in bodies:
        harness.store.publish(ROOM, body)
    await harness.is_true(lambda: counters.messages_received == received and not topic.pending)


def read_at_once(client: Client) -> None:
    """Read what is there, with no turn of the loop."""
    descriptor = client.writer.get_extra_info("socket").fileno()
    with suppress(BlockingIOError):
        while True:
            client.reader.feed_data(os.read(descriptor, 100_000))


async def test_a_crowd_gets_all_in_order_with_what_else_is_written(harness: Harness) -> None:
    clients, topic = await crowd(harness)
    connection = harness.gateway.hub.by_key["0"]
    sent = []
    for _ in range(3):
        await say(harness, topic, b"before")
        assert isinstance(topic.prepared, Prepared)
        sent.append(b"before")
        while not connection.transport.get_write_buffer_size():
            sent.append(b"x" * 20_000)
            connection.send_frame(1000, sent[-1])
        read_at_once(clients[0])  # the kernel has place before the transport knows
        topic.append(Delivery(0, 1000, b"after"))
        harness.gateway.flush(topic)
        sent.append(b"after")
        assert await clients[0].bodies(len(sent)) == sent
        sent.clear()
    for client in clients[1:]:
        assert await client.bodies(6) == [b"before", b"after"] * 3


async def test_whoever_has_left_a_crowd_gets_no_more_nor_does_who_has_its_socket_now(
    harness: Harness,
) -> None:
    clients, topic = await crowd(harness)
    await say(harness, topic, b"to all")
    gone = [harness.gateway.hub.by_key[str(number)] for number in (0, 1)]
    descriptors = {one.descriptor for one in gone}
    clients[0].reset()
    await clients[1].finish()
    await harness.is_true(lambda: all(one.descriptor == NO_DESCRIPTOR for one in gone))
    assert [one.messages_sent for one in gone] == [1, 1]
    others = [await harness.tcp(mid=100, key=f"other {number}") for number in range(4)]
    by_key = harness.gateway.hub.by_key
    assert descriptors & {by_key[f"other {number}"].descriptor for number in range(4)}
    await say(harness, topic, b"to the rest")
    for other in others:
        await other.is_quiet()
    for client in clients[2:]:
        assert await client.bodies(2) == [b"to all", b"to the rest"]


async def test_one_of_a_crowd_that_does_not_read_gets_all_when_it_does(harness: Harness) -> None:
    clients, topic = await crowd(harness)
    slow = harness.gateway.hub.by_key["0"]
    readers: list[asyncio.Task[list[bytes]]] = []
    bodies = [b"%03d" % number + b"x" * 20_000 for number in range(400)]
    async with asyncio.TaskGroup() as group:
        for client in clients[1:]:
            readers.append(group.create_task(client.bodies(len(bodies))))
        for body in bodies:
            await say(harness, topic, body)
    assert slow.blocked
    assert all(task.result() == bodies for task in readers)
    assert await clients[0].bodies(len(bodies)) == bodies
    topic.unprepare()
    sent = [one.messages_sent for one in harness.gateway.hub.by_key.values()]
    assert sent == [400] * len(clients)
