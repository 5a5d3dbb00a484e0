"""The client against a scripted gateway, on real sockets, by WebSocket and by TCP."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from json import loads
from typing import Any

import pytest

from goimbus.client import Client, ClientHooks, ConnectionState
from goimbus.client_connection import ClientLimits
from goimbus.client_errors import (
    AnswerTimeout,
    BodyTooLarge,
    ClientClosed,
    ClosedByServer,
    ConnectFailed,
    ConnectionLost,
    RoomRefused,
    SendRefused,
    UrlRefused,
)
from goimbus.messages import Gap, Live, Message
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import (
    TRANSPORTS,
    FakeConnection,
    FakeGateway,
    fake_gateway,
    topic_frame,
)

ROOM = "live://1000"
TOPIC = f"room:{ROOM}"
QUICK = ClientLimits(acknowledge_seconds=0)


@pytest.fixture(params=TRANSPORTS)
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[FakeGateway]:
    async with fake_gateway(request.param) as running:
        yield running


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def client_of(gateway: FakeGateway, **options: Any) -> Client:
    """A client that comes back at once."""
    options.setdefault("limits", QUICK)
    return Client(gateway.url, jitter=lambda: 0.0, **options)


class Scene:
    """A client that is logged in, and the gateway's end of its connection."""

    def __init__(self, client: Client, connection: FakeConnection, asked: dict[str, Any]) -> None:
        self.client = client
        self.connection = connection
        self.asked = asked

    async def take(self, count: int) -> list[Any]:
        """Return the next items that the application gets."""
        return [await anext(self.client) for _ in range(count)]


async def enter(gateway: FakeGateway, client: Client, **told: Any) -> Scene:
    """Log a client in."""
    entering = asyncio.create_task(client.__aenter__())
    connection = await gateway.accept()
    asked = await connection.log_in(**told)
    await entering
    return Scene(client, connection, asked)


async def acknowledged(connection: FakeConnection) -> dict[str, Any]:
    """Return the next op 18 body."""
    frame = await connection.read()
    assert frame.operation == Operation.ACKNOWLEDGE
    values: dict[str, Any] = loads(frame.body)
    return values


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
    scene = await enter(gateway, client_of(gateway), heartbeat=0.02)
    await scene.connection.push_run(TOPIC, (1, b"x"))
    await scene.take(1)
    while scene.connection.heartbeats < 3:
        sending = asyncio.create_task(scene.client.send("x"))
        await scene.connection.answer(await scene.connection.read(), sequence=1)
        await sending
    assert scene.client.online == 42
    await scene.client.close()


async def test_a_server_that_falls_silent_is_left(gateway: FakeGateway) -> None:
    states: list[ConnectionState] = []
    client = client_of(gateway, hooks=ClientHooks(on_state=states.append))
    entering = asyncio.create_task(client.__aenter__())
    first = await gateway.accept()
    first.heartbeats_answered = False
    await first.log_in(heartbeat=0.05)
    await entering
    await gateway.log_in()
    await first.over.wait()
    assert states[1] == ConnectionState(False, "nothing came back within 0.05 s", 0.0)
    await client.close()


async def test_after_a_lost_connection_it_resumes_and_gives_each_message_once(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, mid=7, room=ROOM))
    await scene.connection.push_run(TOPIC, (10, b"a"), (12, b"b"), (15, b"c"))
    assert [one.body for one in await scene.take(2)] == [b"a", b"b"]
    assert await acknowledged(scene.connection) == {"rooms": {ROOM: 10}}
    scene.connection.cut()
    second = await gateway.accept()
    asked = await second.log_in()
    assert asked["resume"] == {"rooms": {ROOM: 10}}  # b is in the application's hands
    assert asked["key"] == "made-key"
    await second.push_run(TOPIC, (12, b"b"), (15, b"c"), (20, b"d"))
    await second.tell_live(TOPIC, 20)
    assert [one.body for one in await scene.take(2)] == [b"c", b"d"]
    assert scene.client.reconnects == 1
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


async def test_what_was_handled_is_acknowledged_while_running_and_at_the_end(
    gateway: FakeGateway,
) -> None:
    logging_in = asyncio.create_task(gateway.log_in())
    async with client_of(gateway) as client:
        connection = await logging_in
        await connection.push_run("member", (3, b"a"), (4, b"b"), (9, b"c"))
        await anext(client)
        await anext(client)
        assert await acknowledged(connection) == {"member": 3}
        await anext(client)
        assert await acknowledged(connection) == {"member": 4}
    assert await acknowledged(connection) == {"member": 9}
    assert client.positions == {"member": 9}
    await connection.over.wait()


async def test_a_message_whose_handling_failed_is_not_acknowledged(gateway: FakeGateway) -> None:
    async def fail_at_the_first() -> None:
        async with client_of(gateway) as client:
            await anext(client)
            raise ZeroDivisionError

    running = asyncio.create_task(fail_at_the_first())
    connection = await gateway.log_in()
    await connection.push_run("member", (3, b"a"))
    with pytest.raises(ZeroDivisionError):
        await running
    await connection.over.wait()
    assert connection.frames.empty()


async def test_acknowledgements_are_batched(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, limits=ClientLimits()))
    await scene.connection.push_run("all", *((number, b"x") for number in range(1, 102)))
    await scene.take(2)
    assert await acknowledged(scene.connection) == {"all": 1}
    await scene.take(99)
    await scene.client.close()
    assert await acknowledged(scene.connection) == {"all": 100}
    assert scene.connection.frames.empty()


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


async def test_an_answer_behind_a_full_buffer_is_still_read(gateway: FakeGateway) -> None:
    limits = replace(QUICK, buffer_messages=1)
    scene = await enter(gateway, client_of(gateway, limits=limits))
    await scene.connection.push_run("all", (1, b"a"))
    await scene.client._inbox.paused.wait()
    sending = asyncio.create_task(scene.client.send("echo"))
    frame = await scene.connection.read()
    await scene.connection.push_run("all", (2, b"b"), (3, b"c"))
    await scene.connection.answer(frame, sequence=9)
    assert await sending == 9
    assert [one.sequence for one in await scene.take(3)] == [1, 2, 3]
    await scene.client.close()


async def test_a_message_without_an_answer_is_sent_again_under_the_same_number(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, mid=7, room=ROOM))
    first_send = asyncio.create_task(scene.client.send(b"one", 1000))
    second_send = asyncio.create_task(scene.client.send(b"two"))
    sent = [await scene.connection.read(), await scene.connection.read()]
    assert sent[0].sequence > 0
    assert sent[1].sequence == sent[0].sequence + 1
    scene.connection.cut()
    second = await gateway.log_in()
    again = [await second.read(), await second.read()]
    assert again == sent
    await second.answer(again[0], sequence=31, duplicate=True)
    await second.answer(again[1], sequence=32)
    assert (await first_send, await second_send) == (31, 32)
    await scene.client.close()


async def test_an_own_message_is_not_given_back_after_a_reconnect(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, mid=7, room=ROOM))
    sending = asyncio.create_task(scene.client.send("mine"))
    await scene.connection.answer(await scene.connection.read(), sequence=5)
    await sending
    scene.connection.cut()
    second = await gateway.log_in()
    await second.push_run(TOPIC, (4, b"theirs"), (5, b"mine"), (6, b"theirs too"))
    assert [one.sequence for one in await scene.take(2)] == [4, 6]
    await scene.client.close()


async def test_a_message_sent_while_offline_goes_out_after_the_login(gateway: FakeGateway) -> None:
    states: asyncio.Queue[ConnectionState] = asyncio.Queue()
    client = client_of(gateway, hooks=ClientHooks(on_state=states.put_nowait))
    scene = await enter(gateway, client)
    assert (await states.get()).online
    scene.connection.cut()
    assert not (await states.get()).online
    sending = asyncio.create_task(client.send("later"))
    second = await gateway.log_in()
    await second.answer(await second.read(), sequence=3)
    assert await sending == 3
    await client.close()


async def test_a_refused_message_raises_and_may_be_tried_again_as_the_same(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway))
    sending = asyncio.create_task(scene.client.send("x"))
    frame = await scene.connection.read()
    await scene.connection.answer(frame, error={"code": 429, "message": "too fast"})
    with pytest.raises(SendRefused, match=r"not sent: too fast \(429\)") as refused:
        await sending
    sending = asyncio.create_task(scene.client.send("x", number=refused.value.number))
    assert (await scene.connection.read()).sequence == frame.sequence
    await scene.connection.answer(frame, sequence=2)
    assert await sending == 2
    await scene.client.close()


async def test_an_answer_that_does_not_come_is_an_error_in_time(gateway: FakeGateway) -> None:
    limits = replace(QUICK, answer_seconds=0.05)
    scene = await enter(gateway, client_of(gateway, limits=limits))
    with pytest.raises(AnswerTimeout, match="no answer within") as late:
        await scene.client.send("x")
    assert late.value.number > 0
    scene.connection.cut()
    second = await gateway.log_in()
    await second.push_run("all", (1, b"x"))
    await scene.take(1)
    assert second.frames.empty()  # nobody waits for it, so it is not sent again
    await scene.client.close()


async def test_without_extensions_nothing_is_sent_twice(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway), ext=False)
    sending = asyncio.create_task(scene.client.send("x"))
    await scene.connection.read()
    scene.connection.cut()
    with pytest.raises(ConnectionLost):
        await sending
    await gateway.log_in(ext=False)
    await scene.client.close()


async def test_too_large_a_body_is_refused_here(gateway: FakeGateway) -> None:
    with pytest.raises(BodyTooLarge, match="4097 bytes, the most is 4096"):
        await client_of(gateway).send(b"x" * 4097)


async def test_a_pushed_op_5_is_a_message_and_no_answer(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    sending = asyncio.create_task(scene.client.send("x"))
    frame = await scene.connection.read()
    await scene.connection.push_run("all", (frame.sequence, b'{"test":1}'), operation=5)
    message = (await scene.take(1))[0]
    assert (message.operation, message.body) == (5, b'{"test":1}')
    await scene.connection.answer(frame, sequence=2)
    assert await sending == 2
    await scene.client.close()


async def change(scene: Scene, room: str) -> Frame:
    """Let the client change its room; return what it asked the gateway."""
    changing = asyncio.create_task(scene.client.change_room(room))
    frame = await scene.connection.read()
    await scene.connection.write(
        encode_frame(Operation.CHANGE_ROOM_REPLY, frame.body, 1, frame.sequence)
    )
    await changing
    return frame


async def test_a_changed_room_is_kept_over_a_reconnect(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    frame = await change(scene, "live://2")
    assert (frame.operation, frame.body) == (Operation.CHANGE_ROOM, b"live://2")
    scene.connection.cut()
    second = await gateway.accept()
    assert (await second.log_in())["room_id"] == "live://2"
    assert scene.client.room == "live://2"
    await scene.client.close()


async def test_a_room_switch_inside_the_loop_repeats_no_message(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    await scene.connection.push_run(TOPIC, (1, b"a"), (2, b"b"))
    assert (await scene.take(1))[0].sequence == 1
    await change(scene, "")
    await change(scene, ROOM)
    await scene.connection.push_run(TOPIC, (1, b"a"), (2, b"b"), (3, b"c"))
    assert [one.sequence for one in await scene.take(2)] == [2, 3]
    assert scene.client._positions.repeats == 2
    await scene.client.close()


async def test_the_handled_messages_are_acknowledged_before_a_room_switch(
    gateway: FakeGateway,
) -> None:
    limits = replace(QUICK, acknowledge_seconds=3600)
    scene = await enter(gateway, client_of(gateway, room=ROOM, limits=limits))
    await scene.connection.push_run(TOPIC, (1, b"a"), (2, b"b"), (3, b"c"))
    await scene.take(2)
    await acknowledged(scene.connection)
    await scene.take(1)
    changing = asyncio.create_task(scene.client.change_room("live://2"))
    assert await acknowledged(scene.connection) == {"rooms": {ROOM: 2}}
    assert (await scene.connection.read()).operation == Operation.CHANGE_ROOM
    changing.cancel()
    await scene.client.close()


async def test_a_refused_room_leaves_the_client_in_none(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    changing = asyncio.create_task(scene.client.change_room("secret://1"))
    frame = await scene.connection.read()
    refusal = b'{"error":{"code":4006,"message":"not yours"}}'
    await scene.connection.write(
        encode_frame(Operation.CHANGE_ROOM_REPLY, refusal, 1, frame.sequence)
    )
    with pytest.raises(RoomRefused, match="not yours"):
        await changing
    assert scene.client.room == ""
    await scene.client.close()


async def test_a_room_switch_that_a_cut_interrupts_is_done_by_the_next_login(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    changing = asyncio.create_task(scene.client.change_room("live://2"))
    await scene.connection.read()
    scene.connection.cut()
    second = await gateway.accept()
    assert (await second.log_in())["room_id"] == "live://2"
    await changing
    assert second.frames.empty()
    await scene.client.close()


async def test_a_room_that_the_token_overrules_is_asked_for_again(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, token="t", room="live://2"), room=ROOM)
    frame = await scene.connection.read()
    assert (frame.operation, frame.body) == (Operation.CHANGE_ROOM, b"live://2")
    await scene.client.close()


async def test_the_room_of_the_token_is_the_clients_room(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, token="t"), room=ROOM)
    assert scene.client.room == ROOM
    await scene.client.close()


async def test_subscriptions_last_over_a_reconnect(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, accepts=[1, 2]))
    for call, operation, body in (
        (scene.client.subscribe([9, 4]), Operation.SUBSCRIBE, b"4,9"),
        (scene.client.unsubscribe([2]), Operation.UNSUBSCRIBE, b"2"),
    ):
        asking = asyncio.create_task(call)
        frame = await scene.connection.read()
        assert (frame.operation, frame.body) == (operation, body)
        await scene.connection.write(encode_frame(operation + 1, body, 1, frame.sequence))
        await asking
    scene.connection.cut()
    assert (await (await gateway.accept()).log_in())["accepts"] == [1, 4, 9]
    await scene.client.close()


async def test_subscriptions_beside_a_token_are_told_again(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, token="t", accepts=[2]))
    for call in (scene.client.subscribe([9]), scene.client.unsubscribe([2])):
        asking = asyncio.create_task(call)
        frame = await scene.connection.read()
        reply = encode_frame(frame.operation + 1, frame.body, 1, frame.sequence)
        await scene.connection.write(reply)
        await asking
    scene.connection.cut()
    second = await gateway.log_in()
    told = [await second.read(), await second.read()]
    assert [(one.operation, one.body) for one in told] == [(14, b"9"), (16, b"2")]
    await scene.client.close()


async def test_a_notice_that_says_never_ends_the_client_after_what_came_before(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway))
    await scene.connection.push_run("all", (1, b"last words"))
    notice = b'{"code":4011,"message":"removed by an operator","retry":"never","after":0}'
    await scene.connection.write(encode_frame(Operation.CLOSING, notice))
    await scene.connection.close(4011)
    assert (await scene.take(1))[0].body == b"last words"
    with pytest.raises(ClosedByServer, match=r"removed by an operator \(4011\)") as closed:
        await anext(scene.client)
    assert closed.value.code == 4011
    with pytest.raises(ClosedByServer):
        await scene.client.send("x")
    await scene.client.close()
    assert gateway.waiting.empty()


async def test_a_waiting_sender_learns_that_the_client_was_ended(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    sending = asyncio.create_task(scene.client.send("x"))
    await scene.connection.read()
    notice = b'{"code":4005,"message":"","retry":"never"}'
    await scene.connection.write(encode_frame(Operation.CLOSING, notice))
    await scene.connection.close()
    with pytest.raises(ClosedByServer, match="the same key connected again"):
        await sending
    await scene.client.close()


async def test_a_new_token_is_fetched_when_the_server_asks_for_one(gateway: FakeGateway) -> None:
    async def fresh() -> str:
        return "second"

    client = client_of(gateway, token="first", hooks=ClientHooks(refresh_token=fresh))
    scene = await enter(gateway, client)
    assert scene.asked["token"] == "first"
    notice = b'{"code":4002,"message":"expired","retry":"token","after":0}'
    await scene.connection.write(encode_frame(Operation.CLOSING, notice))
    await scene.connection.close(4002)
    assert (await (await gateway.accept()).log_in())["token"] == "second"
    await client.close()


async def test_without_a_way_to_a_new_token_an_expired_one_ends_the_client(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, token="first"))
    notice = b'{"code":4002,"message":"expired","retry":"token"}'
    await scene.connection.write(encode_frame(Operation.CLOSING, notice))
    await scene.connection.close(4002)
    with pytest.raises(ClosedByServer, match="expired"):
        await anext(scene.client)
    await scene.client.close()


async def test_a_token_hook_that_fails_ends_the_client_with_its_error(gateway: FakeGateway) -> None:
    async def broken() -> str:
        raise LookupError

    scene = await enter(gateway, client_of(gateway, hooks=ClientHooks(refresh_token=broken)))
    await scene.connection.write(encode_frame(Operation.CLOSING, b'{"retry":"token"}'))
    await scene.connection.close()
    with pytest.raises(LookupError):
        await anext(scene.client)
    await scene.client.close()


async def test_a_told_delay_is_kept(gateway: FakeGateway) -> None:
    states: list[ConnectionState] = []
    client = client_of(gateway, hooks=ClientHooks(on_state=states.append))
    scene = await enter(gateway, client)
    notice = b'{"code":1001,"message":"updating","retry":"now","after":0.01}'
    await scene.connection.write(encode_frame(Operation.CLOSING, notice))
    await scene.connection.close()
    await gateway.log_in()
    assert states[1] == ConnectionState(False, "updating (1001)", 0.01)
    await client.close()


async def test_bytes_that_are_no_frame_end_the_connection_and_it_comes_back(
    gateway: FakeGateway,
) -> None:
    states: list[ConnectionState] = []
    client = client_of(gateway, hooks=ClientHooks(on_state=states.append))
    scene = await enter(gateway, client)
    await scene.connection.push_run("all", (1, b"good"))
    await scene.connection.write(b"\x00" * 16)
    await gateway.log_in()
    assert states[1].reason == "header length 0, must be 16"
    assert (await scene.take(1))[0].body == b"good"
    await client.close()


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
    client = client_of(gateway, limits=replace(QUICK, connect_seconds=0.1))
    entering = asyncio.create_task(client.__aenter__())
    (await gateway.accept()).cut()
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
    client = Client(
        f"{scheme}://127.0.0.1:{unused_port}",
        jitter=lambda: 0.05,
        limits=replace(QUICK, connect_seconds=0.2),
    )
    with pytest.raises(ConnectFailed, match=r"Connect call failed"):
        await client.__aenter__()
