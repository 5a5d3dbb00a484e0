"""Further rooms in a whole system with two gateways: heard, counted, resumed, and lost by a ban."""

import asyncio
import json
from typing import Any

import nats
from nats.aio.client import Client as Nats

from goimbus.client import Client
from goimbus.messages import Message
from schemas.operations import Operation
from tests.gateway.proxy import Proxy
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem
from tests.system.test_rooms import ask, topic_of, until_left

CLIENTS = 6  # over two gateways, so that each has some of them
ROOMS = 3


async def push(connection: Nats, room: str, body: str) -> None:
    """Store a message of a service."""
    await connection.request(f"goim.push.{topic_of(room)}.1000", body.encode(), timeout=20)


async def messages(client: Client, count: int) -> list[tuple[str, str]]:
    """Return the next messages of services, with their rooms."""
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            one = await anext(client)
            if isinstance(one, Message) and one.operation == 1000:
                found.append((one.room, one.body.decode()))
    return found


async def reply_of(connection: Nats, subject: str, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        (await connection.request(subject, json.dumps(fields).encode(), timeout=20)).data
    )
    return answer


async def until_online(connection: Nats, counts: dict[str, int]) -> None:
    """Wait until so many are online in each room."""
    async with asyncio.timeout(20):
        online: dict[str, int] = {}
        while online != counts:
            told = await reply_of(connection, "goim.presence.rooms", rooms=[*counts])
            online = told.get("online", {})


async def test_members_hear_and_are_found_in_all_of_their_rooms(system: RunningSystem) -> None:
    rooms = [f"chat://{unique()}" for _ in range(ROOMS)]
    mids = [7100 + number for number in range(CLIENTS)]
    connection = await nats.connect(system.nats_url)
    clients = [
        Client(system.websocket_url, mid=mid, room=rooms[0], key=unique(), rooms=rooms[1:2])
        for mid in mids
    ]
    await asyncio.gather(*(one.__aenter__() for one in clients))
    await asyncio.gather(*(one.join(rooms[2]) for one in clients))
    for number in range(4):
        for room in rooms:
            await push(connection, room, str(number))
    for client in clients:
        got = await messages(client, 4 * ROOMS)
        for room in rooms:
            assert [body for one, body in got if one == room] == ["0", "1", "2", "3"]
    await until_online(connection, dict.fromkeys(rooms, CLIENTS))
    async with asyncio.timeout(20):
        for room in rooms:
            found: set[int] = set()
            while found != set(mids):
                told = await reply_of(connection, "goim.presence.who", room=room)
                found = {int(one["mid"]) for one in told["sessions"]}
    assert set(told["sessions"][0]["rooms"]) == set(rooms[1:])
    await clients[0].leave(rooms[1])
    await clients[0].close()
    await until_online(connection, dict.fromkeys(rooms, CLIENTS - 1))
    await asyncio.gather(*(one.close() for one in clients))
    await connection.close()


async def test_a_client_comes_back_to_its_rooms_and_has_each_message_once(
    system: RunningSystem,
) -> None:
    rooms = [f"chat://{unique()}" for _ in range(ROOMS)]
    connection = await nats.connect(system.nats_url)
    proxy = await Proxy(f"nats://127.0.0.1:{system.port}").mend()
    url = proxy.url.replace("nats", "ws") + "/sub"
    client = Client(url, mid=7200, room=rooms[0], key=unique(), rooms=rooms[1:], jitter=lambda: 0.0)
    got: list[tuple[str, str]] = []
    async with client:
        for number in range(30):
            for room in rooms:
                await push(connection, room, str(number))
            if number % 10 == 5:
                got += await messages(client, 2)
                proxy.cut()
            if number % 10 == 7:
                await proxy.mend()
        got += await messages(client, 30 * ROOMS - len(got))
    for room in rooms:
        assert [body for one, body in got if one == room] == [str(one) for one in range(30)]
    assert client.reconnects >= 1
    await proxy.end()
    await push(connection, rooms[2], "missed")
    device = client.key
    again = Client(system.tcp_url, mid=7200, key=device, rooms=rooms[1:], resume=client.positions)
    async with again:
        assert await messages(again, 1) == [(rooms[2], "missed")]
    await connection.close()


async def test_a_ban_takes_a_member_out_of_that_further_room_on_every_gateway(
    system: RunningSystem,
) -> None:
    banned, other, mid = f"chat://{unique()}", f"chat://{unique()}", 7300
    connection = await nats.connect(system.nats_url)
    await ask(connection, "open", banned, owner=1)
    clients = [
        Client(system.websocket_url, mid=mid, key=unique(), rooms=[banned, other])
        for _ in range(CLIENTS)
    ]
    await asyncio.gather(*(one.__aenter__() for one in clients))
    leaving = [asyncio.ensure_future(until_left(one)) for one in clients]
    await ask(connection, "ban", banned, mid=mid, reason="spam")
    for told in await asyncio.wait_for(asyncio.gather(*leaving), 20):
        assert (told["room"], told["error"]["reason"]) == (banned, "banned")
    await push(connection, banned, "not for the banned")
    await push(connection, other, "for all")
    for client in clients:
        assert client.rooms == (other,)
        assert await messages(client, 1) == [(other, "for all")]
    await asyncio.gather(*(one.close() for one in clients))
    back = Client(system.websocket_url, mid=mid, key=unique(), rooms=[banned, other])
    async with back:
        told = await asyncio.wait_for(until_left(back), 20)
        assert (told["room"], told["error"]["reason"]) == (banned, "banned")
        assert back.rooms == (other,)
    await connection.close()


async def test_a_member_talks_in_a_further_room(system: RunningSystem) -> None:
    first, further = f"chat://{unique()}", f"chat://{unique()}"
    async with (
        Client(system.websocket_url, mid=7401, room=first, key=unique()) as ada,
        Client(system.tcp_url, mid=7402, room=first, key=unique(), rooms=[further]) as bob,
    ):
        await ada.join(further)
        sequence = await ada.send_to("hello there", room=further)
        async for message in bob:
            if isinstance(message, Message) and message.operation == Operation.SEND_MESSAGE:
                break
        assert (message.room, message.sequence) == (further, sequence)  # type: ignore[union-attr]
        assert json.loads(message.body)["body"] == "hello there"  # type: ignore[union-attr]
