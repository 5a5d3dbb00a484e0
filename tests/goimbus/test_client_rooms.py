"""Rooms and subscriptions of the client, over reconnects and against what a token says."""

import asyncio
from dataclasses import replace
from json import dumps, loads
from typing import Any

import pytest

from goimbus.client_errors import ConnectionLost, RoomRefused
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import FakeConnection, FakeGateway, topic_frame
from tests.goimbus.scene import QUICK, ROOM, TOPIC, Scene, acknowledged, client_of, enter
from tests.goimbus.scene import running_gateway as running_gateway

CHAT = "chat://7"


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


async def reply(connection: FakeConnection, frame: Frame, **values: Any) -> None:
    """Answer op 21 or 23."""
    body = dumps({"room": loads(frame.body)["room"], **values}).encode()
    await connection.write(encode_frame(frame.operation + 1, body, 1, frame.sequence))


async def joined(scene: Scene, room: str, **options: Any) -> dict[str, Any]:
    """Let the client join a room; return what it asked the gateway."""
    joining = asyncio.create_task(scene.client.join(room, **options))
    frame = await scene.connection.read()
    while frame.operation == Operation.ACKNOWLEDGE:
        frame = await scene.connection.read()
    assert frame.operation == Operation.JOIN_ROOM
    await reply(scene.connection, frame)
    await joining
    asked: dict[str, Any] = loads(frame.body)
    return asked


async def test_a_further_room_is_heard_beside_the_first_and_after_a_reconnect(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    assert await joined(scene, CHAT) == {"room": CHAT}
    await scene.connection.push_run(f"room:{CHAT}", (5, b"a"), (7, b"b"))
    await scene.connection.push_run(TOPIC, (6, b"home"))
    assert [(one.room, one.sequence) for one in await scene.take(3)] == [
        (CHAT, 5),
        (CHAT, 7),
        (ROOM, 6),
    ]
    assert (scene.client.room, scene.client.rooms) == (ROOM, (CHAT,))
    scene.connection.cut()
    second = await gateway.accept()
    asked = await second.log_in(rooms=[CHAT], refused={})
    assert (asked["room_id"], asked["rooms"]) == (ROOM, [CHAT])
    assert asked["resume"]["rooms"] == {CHAT: 7}
    await second.push_run(f"room:{CHAT}", (7, b"b"), (8, b"c"))
    assert [one.sequence for one in await scene.take(1)] == [8]
    await scene.client.close()


async def test_a_room_that_is_left_is_not_heard_after_a_reconnect(gateway: FakeGateway) -> None:
    client = client_of(gateway, rooms=[CHAT, "chat://8"])
    scene = await enter(gateway, client, rooms=[CHAT, "chat://8"])
    assert scene.asked["rooms"] == [CHAT, "chat://8"]
    leaving = asyncio.create_task(client.leave(CHAT))
    frame = await scene.connection.read()
    assert (frame.operation, loads(frame.body)) == (Operation.LEAVE_ROOM, {"room": CHAT})
    scene.connection.cut()
    second = await gateway.accept()
    assert (await second.log_in(rooms=["chat://8"]))["rooms"] == ["chat://8"]
    await leaving  # the login has said it
    assert client.rooms == ("chat://8",)
    await client.close()


async def test_a_refused_room_is_an_error_and_not_heard(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    joining = asyncio.create_task(scene.client.join(CHAT))
    error = {"code": 403, "message": "not yours"}
    await reply(scene.connection, await scene.connection.read(), error=error)
    with pytest.raises(RoomRefused, match="not yours"):
        await joining
    assert (scene.client.room, scene.client.rooms) == (ROOM, ())
    await scene.client.close()


async def test_a_room_joined_while_the_connection_is_lost_is_entered_by_the_next_login(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    rooms = (CHAT, "vip://1", "chat://8")
    joining = [asyncio.create_task(scene.client.join(room)) for room in rooms]
    for _ in rooms:
        await scene.connection.read()
    scene.connection.cut()
    second = await gateway.accept()
    error = {"code": 403, "message": "not yours"}
    assert (await second.log_in(rooms=[CHAT], refused={"vip://1": error}))["rooms"] == [*rooms]
    await joining[0]
    with pytest.raises(RoomRefused, match="not yours"):
        await joining[1]
    frame = await second.read()  # nothing was told of this one
    assert loads(frame.body) == {"room": "chat://8"}
    await reply(second, frame)
    await joining[2]
    assert scene.client.rooms == (CHAT, "chat://8")
    await scene.client.close()


async def test_rooms_that_an_auth_frame_has_no_place_for_are_joined_after_it(
    gateway: FakeGateway,
) -> None:
    rooms = [f"chat://{number:0100}" for number in range(40)]
    resume = {f"room:{room}": number + 1 for number, room in enumerate(rooms)}
    client = client_of(gateway, rooms=rooms, resume=resume)
    entering = asyncio.create_task(client.__aenter__())
    connection = await gateway.accept()
    auth = await connection.read()
    assert len(auth.body) <= 4096
    named = loads(auth.body)["rooms"]
    assert named == rooms[: len(named)]
    told = {"ext": 1, "heartbeat": 30, "rooms": named}
    await connection.write(encode_frame(Operation.AUTH_REPLY, dumps(told).encode(), 1, 1))
    await entering
    for number in range(len(named), 40):
        frame = await connection.read()
        assert loads(frame.body) == {"room": rooms[number], "resume": number + 1}
        await reply(connection, frame)
    await client.close()


async def test_a_server_that_does_not_know_rooms_at_login_is_asked_for_each(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, rooms=[CHAT, "chat://8"]))
    for room in (CHAT, "chat://8"):
        frame = await scene.connection.read()
        assert loads(frame.body) == {"room": room}
    scene.connection.cut()
    second = await gateway.log_in()
    assert loads((await second.read()).body) == {"room": CHAT}
    await scene.client.close()


@pytest.mark.parametrize("when", ["at login", "after it", "at once"])
async def test_a_further_room_that_is_lost_is_told_as_a_message(
    gateway: FakeGateway, when: str
) -> None:
    error = {"code": 403, "reason": "banned", "message": "banned"}
    at_login = {"rooms": [], "refused": {CHAT: error}} if when == "at login" else {}
    client = client_of(gateway, room=ROOM, rooms=[CHAT])
    scene = await enter(gateway, client, **(at_login if when != "at once" else {"rooms": [CHAT]}))
    if when == "after it":
        await reply(scene.connection, await scene.connection.read(), error=error)
    elif when == "at once":
        body = dumps({"room": CHAT, "error": error}).encode()
        left = encode_frame(Operation.ROOM_LEFT, body)
        await scene.connection.push(topic_frame(f"room:{CHAT}", 0), left)
    (told,) = await scene.take(1)
    assert (told.room, told.operation) == (CHAT, Operation.ROOM_LEFT)
    assert loads(told.body) == {"room": CHAT, "error": error}
    assert (client.room, client.rooms) == (ROOM, ())
    await client.close()


async def test_who_is_put_out_of_its_room_does_not_come_back_to_it(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM, token="t"))
    left = encode_frame(Operation.ROOM_LEFT, dumps({"room": ROOM}).encode())
    await scene.connection.push(topic_frame(TOPIC, 0), left)
    await scene.take(1)
    assert scene.client.room == ""
    scene.connection.cut()
    second = await gateway.accept()
    assert (await second.log_in(room=ROOM))["room_id"] == ""
    frame = await second.read()  # though the token would have it there
    assert (frame.operation, frame.body) == (Operation.CHANGE_ROOM, b"")
    await scene.client.close()


async def test_a_room_joined_for_its_newest_messages_asks_for_them(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    assert await joined(scene, CHAT, newest=20) == {"room": CHAT, "resume": -20}
    await scene.connection.push_run(f"room:{CHAT}", (5, b"a"))
    await scene.take(1)
    await scene.connection.tell_live(f"room:{CHAT}", 9)
    await scene.connection.push_run(TOPIC, (10, b"x"))
    await scene.take(1)
    assert await joined(scene, CHAT, newest=20) == {"room": CHAT, "resume": 9}
    await scene.client.close()


async def test_a_server_without_extensions_has_one_room_only(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM), ext=False)
    with pytest.raises(RoomRefused, match="one room only"):
        await scene.client.join(CHAT)
    with pytest.raises(RoomRefused, match="one room only"):
        await scene.client.leave(CHAT)
    await scene.client.close()


async def test_an_answer_that_nobody_waits_for_is_no_message(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    for room in (CHAT, "chat://8"):
        joining = asyncio.create_task(scene.client.join(room))
        frame = await scene.connection.read()
        joining.cancel()
        await asyncio.wait([joining])
        error = {"error": {"code": 403}} if room == CHAT else {}
        await reply(scene.connection, frame, **error)
    assert [one.operation for one in await scene.take(1)] == [Operation.ROOM_LEFT]
    await scene.connection.push_run("all", (1, b"x"))
    assert [one.body for one in await scene.take(1)] == [b"x"]
    assert scene.client.rooms == ("chat://8",)
    await scene.client.close()
