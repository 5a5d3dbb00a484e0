"""The client after lost connections and closings: does it come back, and from where."""

import asyncio

import pytest

from goimbus.client import ClientHooks, ConnectionState
from goimbus.client_connection import ClientLimits
from goimbus.client_errors import ClosedByServer
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import FakeGateway
from tests.goimbus.scene import ROOM, TOPIC, acknowledged, client_of, enter
from tests.goimbus.scene import running_gateway as running_gateway


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


@pytest.mark.parametrize(("given", "told"), [("", "ios"), ("work", "ios")])
async def test_the_device_stays_the_same_when_the_server_made_the_key(
    gateway: FakeGateway, given: str, told: str
) -> None:
    client = client_of(gateway, mid=7, platform="ios", device=given)
    scene = await enter(gateway, client, device=given or told)
    assert scene.asked.get("device", "") == given
    scene.connection.cut()
    asked = await (await gateway.accept()).log_in(device="another")
    assert (asked["key"], asked["device"]) == ("made-key", given or told)
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
    scene = await enter(gateway, client_of(gateway, limits=ClientLimits(acknowledge_seconds=3600)))
    await scene.connection.push_run("all", *((number, b"x") for number in range(1, 102)))
    await scene.take(2)
    assert await acknowledged(scene.connection) == {"all": 1}
    await scene.take(99)
    await scene.client.close()
    assert await acknowledged(scene.connection) == {"all": 100}
    assert scene.connection.frames.empty()


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
