"""Rooms in a whole system with two gateways: control of who is in them, and the command."""

import asyncio
import json
from base64 import b64decode
from typing import Any

import httpx
import nats
import pytest
from click.testing import Result
from nats.aio.client import Client as Nats

from goimbus.client import Client
from goimbus.client_errors import ClosedByServer, SendRefused
from goimbus.messages import Message
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.plain_nats import settle
from tests.system.goim_socket import GoimSocket, unique
from tests.system.running_system import RunningSystem
from tests.system.test_commands import start

SOCKETS = 10  # over two gateways, so that each has some of them
LONG_SECONDS = 30.0


async def ask(connection: Nats, call: str, room: str, **fields: Any) -> dict[str, Any]:
    request = json.dumps({"room": room} | fields).encode()
    answer: dict[str, Any] = json.loads(
        (await connection.request(f"goim.rooms.{call}", request, timeout=LONG_SECONDS)).data
    )
    assert "error" not in answer, answer
    return answer


async def until_left(client: Client) -> dict[str, Any]:
    """Return what the client is told when it is out of its room."""
    async for message in client:
        if isinstance(message, Message) and message.operation == Operation.ROOM_LEFT:
            told: dict[str, Any] = json.loads(message.body)
            return told
    raise AssertionError("the client has ended")


async def test_a_banned_member_is_out_of_the_room_on_every_gateway(
    system: RunningSystem,
) -> None:
    room, mid = f"chat://{unique()}", 7001
    connection = await nats.connect(system.nats_url)
    await ask(connection, "open", room, owner=1)
    clients = [
        Client(system.websocket_url, mid=mid, room=room, key=unique()) for _ in range(SOCKETS)
    ]
    plain = [GoimSocket("ws", system.port) for _ in range(SOCKETS)]
    try:
        await asyncio.gather(*(one.__aenter__() for one in clients))
        for one in plain:
            one.login(json.dumps({"mid": mid, "key": unique(), "room_id": room}))
        sequence = await clients[0].send("still here")
        assert sequence > 0
        leaving = [asyncio.ensure_future(until_left(one)) for one in clients]
        await ask(connection, "ban", room, mid=mid, reason="spam", seconds=3600)
        told = await asyncio.wait_for(asyncio.gather(*leaving), LONG_SECONDS)
        for words in told:
            error = words["error"]
            assert (words["room"], error["reason"], error["retry"]) == (room, "banned", "later")
            assert error["message"].endswith("spam")
            assert 3590 <= error["after"] <= 3600
        await connection.publish(f"goim.push.{topic_of(room)}.1000", b"not for the banned")
        await settle(connection)
        for one in plain:
            assert b"not for the banned" not in one.receive_rest()[0]
            one.send(encode_frame(Operation.SEND_MESSAGE, b"let me in", 1, 9))
            assert one.receive().operation == Operation.SEND_MESSAGE  # goim's echo
        refused = await asyncio.gather(
            *(one.send("let me in") for one in clients), return_exceptions=True
        )
        assert {type(one) for one in refused} == {SendRefused}
        assert await history(connection, room) == ["still here", "not for the banned"]
    finally:
        for one in plain:
            one.socket.close()
        await asyncio.gather(*(one.__aexit__(None, None, None) for one in clients))
    again = Client(system.websocket_url, mid=mid, room=room, key=unique())
    with pytest.raises(ClosedByServer) as closed:
        async with again:
            await anext(again)
    assert closed.value.code == 4006
    await connection.close()


def topic_of(room: str) -> str:
    return f"room.{room.replace('://', '.')}"


async def history(connection: Nats, room: str) -> list[str]:
    request = json.dumps({"topic": topic_of(room)}).encode()
    answer = json.loads(
        (await connection.request("goim.store.history", request, timeout=LONG_SECONDS)).data
    )
    bodies = [one.get("body", "") for one in answer["page"]["messages"]]
    return [b64decode(one).decode() for one in bodies]


async def test_a_muted_member_reads_and_does_not_send(system: RunningSystem) -> None:
    room = f"chat://{unique()}"
    connection = await nats.connect(system.nats_url)
    await ask(connection, "open", room, owner=1, access="invitation")
    for mid in (2, 3):
        await ask(connection, "invite", room, mid=mid)
        await ask(connection, "join", room, actor=mid)
    async with (
        Client(system.websocket_url, mid=2, room=room, key=unique()) as muted,
        Client(system.tcp_url, mid=3, room=room, key=unique()) as other,
    ):
        assert await muted.send("hello") > 0
        assert json.loads(await body_of(other))["body"] == "hello"
        await ask(connection, "mute", room, actor=1, mid=2, reason="calm down", seconds=60)
        event = json.loads(await body_of(other, Operation.ROOM_EVENT))
        assert (event["event"], event["subject"], event["actor"]) == ("muted", 2, 1)
        with pytest.raises(SendRefused) as refused:
            await muted.send("hello?")
        assert refused.value.code == 403
        assert "calm down" in str(refused.value)
        assert await other.send("quiet at last") > 0
        await body_of(muted, 4)
        await ask(connection, "unmute", room, actor=1, mid=2)
        assert await muted.send("sorry") > 0
    await connection.close()


async def body_of(client: Client, operation: int = 4) -> bytes:
    async for message in client:
        if isinstance(message, Message) and message.operation == operation:
            return message.body
    raise AssertionError("the client has ended")


async def test_the_command_looks_after_rooms(system: RunningSystem) -> None:
    room = f"chat://{unique()}"

    async def room_command(*words: str, code: int = 0) -> str:
        result: Result = await start(system, "room", *words)
        assert result.exit_code == code, result.output
        return result.output

    assert f"done: {room} is public" in await room_command("open", room, "--owner", "5")
    assert "it was so already" in await room_command("rename", room, "")
    await room_command("rename", room, "A name")
    await room_command("mute", room, "7", "--for", "10m", "--reason", "calm down")
    await room_command("ban", room, "8", "--for", "1d")
    await room_command("kick", room, "9")
    await room_command("regulate", room, "--senders", "admins")
    shown = json.loads(await room_command("show", room))
    assert (shown["name"], shown["senders"], shown["owner"]) == ("A name", "admins", "5")
    assert [one["mid"] for one in shown["banned"]] == ["8"]
    assert shown["muted"][0]["reason"] == "calm down"
    assert room in await room_command("list", "--member", "5")
    found = json.loads(await room_command("list", "--search", room.upper(), "--json"))
    assert [one["room"] for one in found["rooms"]] == [room]
    assert "(outranked)" in await room_command("kick", room, "5", code=1)
    assert "a duration is such as" in await room_command("ban", room, "8", "--for", "x", code=2)
    assert "closed" in await room_command("close", room)


async def test_rooms_by_http_and_the_events_they_leave(system: RunningSystem) -> None:
    room = f"chat://{unique()}"
    url = f"http://127.0.0.1:{system.port}/api/v1/rooms/"
    mine = {"Authorization": 'Bearer {"mid":41}'}
    async with httpx.AsyncClient(timeout=LONG_SECONDS) as http:
        opened = await http.post(f"{url}open", json={"room": room}, headers=mine)
        assert opened.json()["room"]["owner"] == "41"
        assert (await http.post(f"{url}close", json={"room": room})).status_code == 401
        closed = await http.post(f"{url}close", json={"room": room}, headers=mine)
        assert closed.json()["room"]["access"] == "closed"
    connection = await nats.connect(system.nats_url)
    subscription = await connection.jetstream(timeout=20).subscribe(
        f"goim.event.{topic_of(room)}.*", ordered_consumer=True
    )
    events = [json.loads((await subscription.next_msg(LONG_SECONDS)).data) for _ in range(2)]
    assert [one["event"] for one in events] == ["opened", "closed"]
    await connection.close()
