"""What is done for a connection's actions, and that nothing is left when connections end."""

import asyncio
import gc
from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest
import pytest_asyncio

from gateway.connection import Connection
from gateway.deadlines import LOOK_SECONDS
from gateway.gateway import Gateway
from schemas.frame import encode_frame
from tests.gateway.clients import CLOSE, PING, Client, TcpClient, WsClient, websocket_frame
from tests.gateway.harness import Harness, running_gateway

CHAT_ONLY = [{"pattern": "chat://*", "receive": True, "send": True}]


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


async def test_a_room_is_changed_and_the_body_echoed(harness: Harness) -> None:
    client = await harness.tcp(mid=5, room_id="live://1")
    assert await client.ask(12, b"live://2", sequence=3) == (1, 13, 3, b"live://2")
    assert harness.gateway.hub.rooms == {"live://2": 1}
    assert (await client.ask(2)).body == b"\0\0\0\1"
    assert await client.ask(12, b"") == (1, 13, 1, b"")
    assert harness.gateway.hub.rooms == {}


async def test_changing_to_the_same_room_loses_nothing(harness: Harness) -> None:
    client = await harness.tcp(mid=5, room_id="live://1")
    await harness.settled()
    harness.store.publish("room.live.1", b"one")
    assert await client.bodies(1) == [b"one"]
    assert (await client.ask(12, b"live://1")).operation == 13
    harness.store.publish("room.live.1", b"two")
    assert await client.bodies(1) == [b"two"]
    assert harness.gateway.hub.rooms == {"live://1": 1}


@pytest.mark.parametrize("room", [b"secret://1", b"\xff", b"x" * 200, b"://x", b"live://"])
async def test_a_room_that_is_refused_is_echoed_to_plain_clients_and_not_entered(
    harness: Harness, room: bytes
) -> None:
    harness.auth.grant = {"rooms": CHAT_ONLY}
    plain = await harness.tcp(mid=5, room_id="chat://1")
    assert await plain.ask(12, room) == (1, 13, 1, room)
    assert harness.gateway.hub.rooms == {}
    assert harness.gateway.counters.refused == {"room": 1}
    assert (await plain.ask(12, b"chat://1")).body == b"chat://1"


async def test_an_ext_client_is_told_why_a_room_is_refused(harness: Harness) -> None:
    harness.auth.grant = {"rooms": CHAT_ONLY}
    client = await harness.tcp(mid=5, room_id="chat://1", ext=1)
    await client.until_live("room:chat://1")
    await harness.settled()
    client.waiting.clear()
    client.send(12, b"secret://1")
    while (frame := await client.receive()).operation != 13:
        pass
    answer = loads(frame.body)
    assert answer["room"] == "secret://1"
    assert answer["error"]["code"] == 403


async def test_a_room_without_type_can_be_entered(harness: Harness) -> None:
    client = await harness.tcp(mid=5, room_id="just a name *.>")
    await harness.settled()
    harness.store.publish("room.=.just=20a=20name=20=2A=2E=3E", b"x")
    assert await client.bodies(1) == [b"x"]


async def test_metrics_tell_what_is_here(harness: Harness) -> None:
    await harness.tcp(mid=5, room_id="live://1")
    await harness.ws()
    readings = {name: rows for name, _, _, _, rows in harness.gateway.readings()}
    assert readings["goim_connections"] == [((), 1.0)]
    assert readings["goim_sockets"] == [((), 2.0)]
    assert readings["goim_rooms"] == [((), 1.0)]
    assert readings["goim_topics"] == [((), 3.0)]
    assert readings["goim_stalled"] == [((), 0.0)]


async def test_numbers_and_sessions_are_unique(harness: Harness) -> None:
    numbers = {harness.gateway.next_number() for _ in range(100)}
    assert len(numbers) == 100
    await harness.tcp(mid=5)
    await harness.tcp(mid=5)
    sessions = {one.session_id for one in harness.gateway.hub.connections.values()}
    assert len(sessions) == 2
    assert all(one.startswith(harness.gateway.id + ".") for one in sessions)


async def test_work_that_must_not_end_is_noticed_when_it_does(harness: Harness) -> None:
    async def fail() -> None:
        raise ValueError

    task = harness.gateway.spawn(fail(), "fails")
    await asyncio.wait([task])
    assert isinstance(task.exception(), ValueError)
    assert not harness.gateway.failed.is_set()


def stages(websocket: bool) -> list[bytes]:
    """What a client may have sent when it ends, from nothing to much."""
    auth = encode_frame(7, b'{"mid":5,"room_id":"live://1","accepts":[1000]}')
    login = [b"", auth[:10], auth, auth + encode_frame(4, b"x"), auth + encode_frame(12)]
    login += [auth + encode_frame(12, b"live://2"), auth + encode_frame(2)[:7], b"\xff" * 16]
    if not websocket:
        return login
    opened = websocket_frame(auth)
    frames = [opened[:5], opened, opened + websocket_frame(encode_frame(4, b"x"))]
    frames += [opened + websocket_frame(b"", PING), opened + websocket_frame(b"", CLOSE)]
    frames += [opened + websocket_frame(b"ab", fin=False), opened + websocket_frame(b"short")]
    frames += [opened + websocket_frame(b"x", mask=None), opened + b"\x82\xff" + b"\xff" * 8]
    return frames


async def test_thousands_of_connections_in_any_state_leave_nothing(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix) as harness:
        for turn in range(12):
            clients: list[Client] = []
            for number in range(170):
                websocket = bool(number % 2)
                kind: Any = WsClient if websocket else TcpClient
                port = harness.ws_port if websocket else harness.tcp_port
                client = await kind.connect(port)
                sent = stages(websocket)
                client.write(sent[number // 2 % len(sent)])
                clients.append(client)
            if turn % 2:
                await harness.delivered()
                harness.store.publish("room.live.1", b"x")
                harness.store.publish("member.5", b"x")
            for number, client in enumerate(clients):
                if (number + turn) % 3:
                    client.writer.close()
                else:
                    client.reset()
        await harness.emptied()
        assert harness.gateway.counters.closed.total() == 12 * 170
        gateway = harness.gateway
        assert not gateway.catching_up._wanted
        assert not gateway.interest.repairs._topics
        now = gateway.loop.time()
        while len(gateway.deadlines):
            now += LOOK_SECONDS
            assert not list(gateway.deadlines.due(now))
        await harness.is_true(lambda: not gateway.positions._unsaved)
        await harness.is_true(lambda: not gateway.presence._known)
        await harness.is_true(lambda: not connections_in_memory(gateway))


def connections_in_memory(gateway: Gateway) -> int:
    """How many are left of this gateway; other tests may have left theirs."""
    gc.collect()
    return sum(isinstance(one, Connection) and one.gateway is gateway for one in gc.get_objects())
