"""What the client sends: answered once, stored once, or an error that says so."""

import asyncio
from dataclasses import replace

import pytest

from goimbus.client import ClientHooks, ConnectionState
from goimbus.client_errors import (
    AnswerTimeout,
    BodyTooLarge,
    ClosedByServer,
    ConnectionLost,
    SendRefused,
)
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import FakeGateway
from tests.goimbus.scene import QUICK, ROOM, TOPIC, client_of, enter, pass_time
from tests.goimbus.scene import running_gateway as running_gateway


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


async def test_a_message_that_the_server_may_have_forgotten_is_not_sent_again(
    gateway: FakeGateway,
) -> None:
    limits = replace(QUICK, silence_seconds=1000)
    scene = await enter(gateway, client_of(gateway, limits=limits), heartbeat=1000)
    unanswered = asyncio.create_task(scene.client.send("x"))
    await scene.connection.read()
    pass_time(limits.answer_seconds)
    with pytest.raises(AnswerTimeout) as late:
        await unanswered
    pass_time(limits.resend_seconds)
    with pytest.raises(SendRefused, match=r"too old to be sure .* \(409\)"):
        await scene.client.send("x", number=late.value.number)
    sending = asyncio.create_task(scene.client.send("x"))
    frame = await scene.connection.read()
    assert frame.sequence != late.value.number
    await scene.connection.answer(frame, sequence=9)
    assert await sending == 9
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


async def test_a_waiting_sender_learns_that_the_client_was_ended(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    sending = asyncio.create_task(scene.client.send("x"))
    await scene.connection.read()
    notice = b'{"code":4005,"message":"","retry":"never"}'
    await scene.connection.write(encode_frame(Operation.CLOSING, notice))
    await scene.connection.close()
    with pytest.raises(ClosedByServer, match="another connection took its place"):
        await sending
    await scene.client.close()
