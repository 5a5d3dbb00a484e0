"""The client against a scripted gateway, on real sockets, by WebSocket and by TCP.

test_client_recovery.py, _sends.py and _rooms.py hold the rest.
"""

import asyncio
from dataclasses import replace

import pytest

from bench.ports import free_ports
from goimbus.client import Client, ClientHooks, ConnectionState
from goimbus.client_errors import (
    ClientClosed,
    ClosedByServer,
    ConnectFailed,
    UrlRefused,
)
from goimbus.messages import Gap, Live, Message
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import (
    FakeGateway,
    fake_gateway,
    topic_frame,
)
from tests.goimbus.scene import QUICK, ROOM, TOPIC, client_of, enter, pass_time
from tests.goimbus.scene import running_gateway as running_gateway


@pytest.fixture
def unused_port() -> int:
    return free_ports(1)[0]


async def test_the_auth_frame_says_who_the_client_is(gateway: FakeGateway) -> None:
    client = client_of(
        gateway, mid=7, key="phone", room=ROOM, platform="ios", accepts=[5, 6], resume={"member": 3}
    )
    scene = await enter(gateway, client)
    assert scene.asked == {
        "mid": 7,
        "key": "phone",
        "room_id": ROOM,
        "platform": "ios",
        "accepts": [5, 6],
        "ext": 1,
        "resume": {"member": 3},
    }
    assert (client.connected, client.extended, client.room) == (True, True, ROOM)
    await client.close()
    assert not client.connected


async def test_messages_come_with_topic_operation_body_and_whole_sequence(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    base = 5 * 2**32
    await scene.connection.push_run(TOPIC, (base - 1, b"one"), (base + 2, b"two"), operation=1000)
    await scene.connection.push(topic_frame("key", 0), encode_frame(1001, b"three"))
    assert await scene.take(3) == [
        Message(TOPIC, 1000, b"one", base - 1),
        Message(TOPIC, 1000, b"two", base + 2),
        Message("key", 1001, b"three", 0),
    ]
    assert Message(TOPIC, 1, b"").room == ROOM
    assert Message("key", 1, b"").room == ""
    await scene.client.close()


async def test_a_stock_goim_server_is_spoken_to_in_stock_goim(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, mid=1), ext=False)
    assert not scene.client.extended
    await scene.connection.push(encode_frame(1000, b"pushed"), encode_frame(19, b"a push too"))
    assert await scene.take(2) == [Message("", 1000, b"pushed"), Message("", 19, b"a push too")]
    sending = asyncio.create_task(scene.client.send("hello"))
    frame = await scene.connection.read()
    assert (frame.operation, frame.body) == (4, b"hello")
    await scene.connection.write(encode_frame(4, b"", 1, frame.sequence))
    assert await sending == 0
    await scene.client.close()
    assert scene.connection.frames.empty()


async def test_a_plain_client_asks_for_no_extensions(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, ext=False, resume={"member": 3}))
    assert "ext" not in scene.asked
    assert "resume" not in scene.asked
    assert not scene.client.extended
    await scene.client.close()


async def test_a_heartbeat_goes_out_at_once_and_brings_the_online_count(
    gateway: FakeGateway,
) -> None:
    limits = replace(QUICK, silence_seconds=10)
    scene = await enter(gateway, client_of(gateway, limits=limits), heartbeat=30)
    await scene.connection.push_run(TOPIC, (1, b"x"))
    await scene.take(1)
    while scene.connection.heartbeats < 3:
        sending = asyncio.create_task(scene.client.send("x"))
        await scene.connection.answer(await scene.connection.read(), sequence=1)
        await sending  # something came back within 10 s
        pass_time(20)
    assert scene.client.online == 42
    await scene.client.close()


async def test_a_cancelled_wait_for_a_message_loses_none(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    got: list[int] = []
    for number in range(1, 101):
        waiting = asyncio.create_task(anext(scene.client))
        await asyncio.sleep(0)
        await scene.connection.push_run("all", (number, b"x"))
        waiting.cancel()
        result = (await asyncio.gather(waiting, return_exceptions=True))[0]
        if isinstance(result, Message):
            got.append(result.sequence)
    while len(got) < 100:
        got.append((await anext(scene.client)).sequence)  # type: ignore[union-attr]
    assert got == list(range(1, 101))
    await scene.client.close()


async def test_the_end_of_the_missed_messages_is_told_and_acknowledged(
    gateway: FakeGateway,
) -> None:
    seen: list[Live] = []
    client = client_of(gateway, room=ROOM, hooks=ClientHooks(on_live=seen.append))
    scene = await enter(gateway, client)
    await scene.connection.push_run(TOPIC, (5, b"missed"))
    await scene.connection.tell_live(TOPIC, 8)
    await scene.connection.push_run(TOPIC, (9, b"new"))
    await scene.take(1)
    assert seen == []
    await scene.take(1)
    assert seen == [Live(TOPIC, 8)]
    assert client.positions == {TOPIC: 8}
    await client.close()


async def test_a_gap_comes_in_its_place(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM, resume={TOPIC: 4}))
    notice = b'{"topic":"room:live://1000","after":4,"to":90}'
    await scene.connection.write(encode_frame(Operation.GAP, notice))
    await scene.connection.push_run(TOPIC, (91, b"x"))
    assert await scene.take(2) == [Gap(TOPIC, 4, 90), Message(TOPIC, 1, b"x", 91)]
    assert scene.client.positions == {TOPIC: 90}
    await scene.client.close()


async def test_a_full_buffer_stops_the_reading_and_nothing_is_lost(gateway: FakeGateway) -> None:
    limits = replace(QUICK, buffer_messages=5)
    scene = await enter(gateway, client_of(gateway, limits=limits))
    body = b"x" * 65_536

    async def push_all() -> None:
        for number in range(1, 401):
            await scene.connection.push_run("all", (number, body))

    pushing = asyncio.create_task(push_all())
    await scene.client._inbox.paused.wait()
    assert not pushing.done()
    for number in range(1, 401):
        assert (await scene.take(1))[0].sequence == number
        assert len(scene.client._inbox._items) < 12
    await pushing
    await scene.client.close()


async def test_closing_ends_the_iteration_and_fails_who_waits(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    sending = asyncio.create_task(scene.client.send("x"))
    await scene.connection.read()

    async def iterate() -> None:
        async for _ in scene.client:
            pass

    iterating = asyncio.create_task(iterate())
    await asyncio.sleep(0)
    await scene.client.close()
    await iterating
    with pytest.raises(ClientClosed):
        await sending
    with pytest.raises(ClientClosed):
        await scene.client.change_room("live://2")
    await scene.connection.over.wait()


async def test_a_login_that_does_not_come_is_an_error_with_the_last_reason(
    gateway: FakeGateway,
) -> None:
    states: asyncio.Queue[ConnectionState] = asyncio.Queue()
    client = client_of(gateway, hooks=ClientHooks(on_state=states.put_nowait))
    entering = asyncio.create_task(client.__aenter__())
    (await gateway.accept()).cut()
    await states.get()
    pass_time(QUICK.connect_seconds)
    with pytest.raises(ConnectFailed, match="a refused token does that"):
        await entering


async def test_a_server_that_says_nothing_is_given_up(gateway: FakeGateway) -> None:
    with pytest.raises(ConnectFailed):
        await client_of(gateway, limits=replace(QUICK, connect_seconds=0.05)).__aenter__()


async def test_a_cancelled_login_leaves_nothing_behind(gateway: FakeGateway) -> None:
    entering = asyncio.create_task(client_of(gateway).__aenter__())
    connection = await gateway.accept()
    await connection.read()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    await connection.over.wait()


async def test_a_refused_token_is_told_at_the_login() -> None:
    async with fake_gateway("ws") as gateway:
        entering = asyncio.create_task(client_of(gateway, token="bad").__aenter__())
        connection = await gateway.accept()
        await connection.read()
        await connection.close(4001, "the token was refused")
        with pytest.raises(ClosedByServer, match=r"the token was refused \(4001\)"):
            await entering


@pytest.mark.parametrize(
    "url", ["", "http://x", "tcp://x", "ws:///sub", "x:1", "tcp://x:y", "ws://[::1/sub", "tls://:1"]
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(UrlRefused, match=r"is no ws://host/sub"):
        Client(url)


@pytest.mark.parametrize("scheme", ["ws", "tcp"])
async def test_a_port_where_nobody_listens_is_told(scheme: str, unused_port: int) -> None:
    states: asyncio.Queue[ConnectionState] = asyncio.Queue()
    client = Client(
        f"{scheme}://127.0.0.1:{unused_port}",
        hooks=ClientHooks(on_state=states.put_nowait),
        limits=QUICK,
    )
    entering = asyncio.create_task(client.__aenter__())
    await states.get()
    pass_time(QUICK.connect_seconds)
    with pytest.raises(ConnectFailed, match=r"Connect call failed"):
        await entering
