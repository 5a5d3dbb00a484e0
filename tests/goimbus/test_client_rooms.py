"""Rooms and subscriptions of the client, over reconnects and against what a token says."""

import asyncio
from dataclasses import replace

import pytest

from goimbus.client_errors import ConnectionLost, RoomRefused
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import FakeGateway
from tests.goimbus.scene import QUICK, ROOM, TOPIC, Scene, acknowledged, client_of, enter
from tests.goimbus.scene import running_gateway as running_gateway


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


async def test_a_message_is_not_sent_again_to_a_room_that_it_was_not_meant_for(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    sending = asyncio.create_task(scene.client.send("for the first room"))
    sent = await scene.connection.read()
    changing = asyncio.create_task(scene.client.change_room("live://2"))
    await scene.connection.read()
    scene.connection.cut()
    with pytest.raises(ConnectionLost) as lost:
        await sending
    assert lost.value.number == sent.sequence
    second = await gateway.log_in()
    await changing
    await second.push_run("all", (1, b"x"))
    await scene.take(1)
    assert second.frames.empty()
    await scene.client.close()
