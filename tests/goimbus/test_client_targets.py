"""What the client sends to a given room or member."""

import asyncio
from json import loads

import pytest

from goimbus.client_errors import BodyTooLarge, SendRefused
from schemas.operations import Operation
from tests.goimbus.fake_gateway import FakeGateway
from tests.goimbus.scene import ROOM, client_of, enter
from tests.goimbus.scene import running_gateway as running_gateway


async def test_a_message_goes_to_a_member_or_a_room(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    for target, body, asked in (
        ({"member": 9}, "hé", {"member": 9, "operation": 4, "body": "hé"}),
        ({"room": ROOM, "operation": 1000}, b"x", {"room": ROOM, "operation": 1000, "body": "x"}),
        (
            {"member": 9, "cast": True},
            b"\xff\0",
            {"member": 9, "operation": 4, "bytes": "ÿ\0", "cast": True},
        ),
    ):
        sending = asyncio.create_task(scene.client.send_to(body, **target))
        frame = await scene.connection.read()
        assert (frame.operation, loads(frame.body)) == (Operation.SEND_TO, asked)
        await scene.connection.answer(frame, sequence=2**40)
        assert await sending == 2**40
    with pytest.raises(BodyTooLarge):
        await scene.client.send_to("x" * 5000, member=9)
    await scene.client.close()


async def test_it_is_sent_again_whatever_room_the_client_is_in_by_then(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway, room=ROOM))
    sending = asyncio.create_task(scene.client.send_to("one", member=9))
    first = await scene.connection.read()
    changing = asyncio.create_task(scene.client.change_room("live://2"))
    await scene.connection.read()
    scene.connection.cut()
    second = await gateway.log_in()
    again = await second.read()
    assert again == first
    await second.answer(again, sequence=31, duplicate=True)
    assert await sending == 31
    await changing
    await second.push_run("member", (31, b"one"), (32, b"two"))  # the first is its own
    assert [one.sequence for one in await scene.take(1)] == [32]
    await scene.client.close()


async def test_a_refusal_is_raised_and_a_server_without_extensions_refuses(
    gateway: FakeGateway,
) -> None:
    scene = await enter(gateway, client_of(gateway))
    sending = asyncio.create_task(scene.client.send_to("one", member=9))
    frame = await scene.connection.read()
    await scene.connection.answer(frame, error={"code": 403, "message": "no"})
    with pytest.raises(SendRefused, match=r"no \(403\)"):
        await sending
    scene.connection.cut()
    plain = await gateway.accept()
    waiting = asyncio.create_task(scene.client.send_to("two", member=9))
    await plain.log_in(ext=False)
    with pytest.raises(SendRefused) as refused:
        await waiting
    assert refused.value.code == 501
    with pytest.raises(SendRefused):
        await scene.client.send_to("three", room=ROOM)
    await scene.client.close()
