"""What a client has got: when the gateway closes it, and when it comes back to a room it left."""

import asyncio
from collections.abc import AsyncIterator
from json import dumps

import pytest
import pytest_asyncio

from gateway.websocket import WebSocketConnection
from schemas.close_codes import CloseCode
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.gateway.clients import CLOSE, TcpClient, websocket_frame
from tests.gateway.harness import Harness, running_gateway

MEMBER_KEY = (5, "phone", "member.5")
FIRST, SECOND = "chat://1", "chat://2"
FIRST_TOPIC = "room.chat.1"


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


async def client_of(harness: Harness, transport: str) -> TcpClient:
    connect = harness.ws if transport == "ws" else harness.tcp
    return await connect(mid=5, key="phone", accepts=[1000])


async def saved(harness: Harness, key: tuple[int, str, str], sequence: int) -> None:
    """Wait until the store has this position."""
    await harness.is_true(lambda: harness.store.positions.get(key) == sequence)


def close(harness: Harness, code: CloseCode = CloseCode.GOING_AWAY) -> None:
    (connection,) = harness.gateway.hub.connections.values()
    connection.close(code)


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_client_closed_here_has_all_that_it_read_when_it_closes_too(
    harness: Harness, transport: str
) -> None:
    client = await client_of(harness, transport)
    await harness.settled()
    sequence = harness.store.publish("member.5", b"read")
    await harness.delivered()
    close(harness)
    await client.closed()
    await saved(harness, MEMBER_KEY, sequence)
    await harness.emptied()


async def test_a_close_frame_counts_behind_other_frames_and_in_any_pieces(
    harness: Harness,
) -> None:
    goodbye = websocket_frame((1001).to_bytes(2, "big"), CLOSE)
    answer = websocket_frame(encode_frame(Operation.HEARTBEAT)) + goodbye
    client = await harness.ws(mid=5, key="phone", accepts=[1000])
    for place in (len(answer), len(answer) - 1, len(answer) - len(goodbye) + 1, 3):
        await harness.settled()
        sequence = harness.store.publish("member.5", b"read")
        await harness.delivered()
        close(harness)
        await client.closed(hang_up=False)
        client.write(answer[:place])
        await client.writer.drain()
        await asyncio.sleep(0)
        client.write(answer[place:])
        await saved(harness, MEMBER_KEY, sequence)
        await harness.emptied()
        client = await harness.ws(mid=5, key="phone", accepts=[1000])


async def test_a_close_frame_that_comes_before_all_is_acknowledged_leaves_it_to_the_end(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, {"unsent_bytes": 1 << 22}) as harness:
        client = await harness.ws(mid=5, key="phone", accepts=[1000])
        await harness.settled()
        (connection,) = harness.gateway.hub.connections.values()
        assert isinstance(connection, WebSocketConnection)
        for _ in range(30):
            harness.store.publish("member.5", b"x" * 100_000)  # more than the kernels keep
        await harness.delivered()
        await harness.is_true(lambda: connection.messages_sent == 30)
        connection.close(CloseCode.GOING_AWAY)
        connection.data_received(websocket_frame((1000).to_bytes(2, "big"), CLOSE))
        assert MEMBER_KEY not in harness.store.positions
        assert len(await client.bodies(30)) == 30
        assert (await client.closed()).code == 1001
        await saved(harness, MEMBER_KEY, harness.store.end)


async def test_a_byte_inside_a_frame_is_no_close_frame(harness: Harness) -> None:
    client = await harness.ws(mid=5, key="phone", accepts=[1000])
    await harness.settled()
    (connection,) = harness.gateway.hub.connections.values()
    assert isinstance(connection, WebSocketConnection)
    harness.store.publish("member.5", b"never read")
    await harness.delivered()
    connection.close(CloseCode.GOING_AWAY)
    frame = websocket_frame(b"\x88" * 100, mask=b"\0\0\0\0")
    for piece in (frame[:10], frame[10:], websocket_frame(b"x" * 20_000), b"\x88\x00" * 50):
        connection.data_received(piece)
    client.reset()
    await harness.emptied()
    await harness.gateway.positions.drain(30.0)
    assert MEMBER_KEY not in harness.store.positions


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_client_that_hangs_when_it_is_closed_gets_its_messages_again(
    harness: Harness, transport: str
) -> None:
    client = await client_of(harness, transport)
    await harness.settled()
    before = harness.store.publish("member.5", b"read")
    assert await client.bodies(1) == [b"read"]
    await client.is_quiet()
    harness.store.publish("member.5", b"in its kernel, never read")
    await harness.delivered()
    close(harness, CloseCode.REPLACED)
    client.reset()
    await harness.emptied()
    await saved(harness, MEMBER_KEY, before)
    again = await client_of(harness, transport)
    assert await again.bodies(1) == [b"in its kernel, never read"]


async def test_a_client_that_says_goodbye_with_a_fin_behind_it_has_read_all(
    harness: Harness,
) -> None:
    client = await harness.ws(mid=5, key="phone", accepts=[1000])
    await harness.settled()
    sequence = harness.store.publish("member.5", b"read")
    assert await client.bodies(1) == [b"read"]
    await client.say_goodbye()
    await saved(harness, MEMBER_KEY, sequence)


@pytest.mark.parametrize("ext", [0, 1])
async def test_a_connection_goes_on_where_it_was_when_it_comes_back_to_a_room(
    harness: Harness, ext: int
) -> None:
    client = await harness.tcp(mid=5, key="phone", room_id=FIRST, ext=ext)
    await harness.settled()
    harness.store.publish(FIRST_TOPIC, b"one")
    assert await client.bodies(1) == [b"one"]
    client.send(Operation.CHANGE_ROOM, SECOND.encode())
    await harness.is_true(lambda: SECOND in harness.gateway.hub.rooms)
    harness.store.publish(FIRST_TOPIC, b"two")
    client.send(Operation.CHANGE_ROOM, FIRST.encode())
    found = await client.bodies(3)
    assert found == [SECOND.encode(), FIRST.encode(), b"two"]


async def test_where_a_client_says_it_is_counts_for_rooms_that_it_enters_later(
    harness: Harness,
) -> None:
    first = harness.store.publish(FIRST_TOPIC, b"one")
    harness.store.publish(FIRST_TOPIC, b"two")
    client = await harness.tcp(
        mid=5, key="phone", room_id=SECOND, ext=1, resume={"rooms": {FIRST: first}}
    )
    client.send(Operation.CHANGE_ROOM, FIRST.encode())
    assert await client.bodies(2) == [FIRST.encode(), b"two"]


async def test_what_was_handled_of_a_room_can_be_acknowledged_after_leaving_it(
    harness: Harness,
) -> None:
    client = await harness.tcp(mid=5, key="phone", room_id=FIRST, ext=1)
    await harness.settled()
    sequence = harness.store.publish(FIRST_TOPIC, b"one")
    assert await client.bodies(1) == [b"one"]
    client.send(Operation.CHANGE_ROOM, b"")
    client.send(Operation.ACKNOWLEDGE, dumps({"rooms": {FIRST: sequence + 50}}).encode())
    await saved(harness, (5, "phone", FIRST_TOPIC), sequence)


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_closing_a_client_that_has_just_left_does_nothing(
    harness: Harness, transport: str
) -> None:
    connect = harness.ws if transport == "ws" else harness.tcp
    client = await connect(mid=5, key="phone", ext=1)
    (connection,) = harness.gateway.hub.connections.values()
    client.reset()
    await harness.emptied()
    connection.close(CloseCode.GOING_AWAY, after_seconds=1.0)
    assert connection.close_code is None
