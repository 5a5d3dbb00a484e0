"""A service that only knows NATS publishes; goim clients on two workers get it, now or later."""

import json
from contextlib import ExitStack

import nats
import pytest
from nats.aio.client import Client as Nats

from goimbus.client import Client
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.plain_nats import settle
from tests.system.goim_socket import GoimSocket, unique
from tests.system.running_system import RunningSystem

CONNECTIONS = 12  # SO_REUSEPORT spreads them over both workers


def new_mid() -> int:
    return int(unique("")[:11], 16)


def login(system: RunningSystem, transport: str, **fields: object) -> GoimSocket:
    client = GoimSocket(transport, system.port if transport == "ws" else system.tcp_port)
    assert client.login(json.dumps(fields)).operation == Operation.AUTH_REPLY
    return client


async def until_connected(connection: Nats, mid: int, count: int) -> None:
    """Wait until the gateways have told of so many connections of a member.

    One that sees a connection end tells the store first what the client has got.
    """
    found = -1
    while found != count:
        asked = json.dumps({"mid": mid}).encode()
        reply = await connection.request("goim.presence.who", asked, timeout=20)
        found = int(json.loads(reply.data).get("found", 0))


async def acknowledge(client: GoimSocket, connection: Nats, mid: int) -> None:
    """Let its gateway know what the only client of a member has got, before it leaves."""
    client.send(encode_frame(Operation.HEARTBEAT))
    client.receive()
    await until_connected(connection, mid, 1)


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_room_on_both_workers_gets_what_is_published_on_nats(
    system: RunningSystem, transport: str
) -> None:
    room = unique()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                login(system, transport, mid=1 + at, key=unique(), room_id=f"live://{room}")
            )
            for at in range(CONNECTIONS)
        ]
        publisher = await nats.connect(system.nats_url)
        await publisher.publish(f"goim.push.room.live.{room}.1000", b'{"test":1}')
        await publisher.close()
        for client in clients:
            frame = client.receive_pushes(1)[0]
            assert (frame.operation, frame.body, frame.sequence) == (1000, b'{"test":1}', 0)


async def test_every_device_of_a_member_gets_what_it_accepts(system: RunningSystem) -> None:
    mid = new_mid()
    with (
        login(system, "ws", mid=mid, key=unique(), accepts=[1000]) as takes,
        login(system, "tcp", mid=mid, key=unique(), accepts=[1001]) as takes_other,
    ):
        publisher = await nats.connect(system.nats_url)
        await publisher.publish(f"goim.push.member.{mid}.1000", b"for the first")
        await publisher.publish(f"goim.push.member.{mid}.1001", b"for the second")
        await publisher.close()
        assert [one.body for one in takes.receive_pushes(1)] == [b"for the first"]
        assert [one.body for one in takes_other.receive_pushes(1)] == [b"for the second"]
        assert takes.receive_rest() == (b"", False)


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_thousand_messages_wait_for_a_member_and_come_before_newer_ones(
    system: RunningSystem, transport: str
) -> None:
    mid, key = new_mid(), unique()
    publisher = await nats.connect(system.nats_url)
    stream = publisher.jetstream(timeout=20)
    with login(system, transport, mid=mid, key=key, accepts=[1000]) as client:
        await stream.publish(f"goim.push.member.{mid}.1000", b"while here")
        assert client.receive_pushes(1)[0].body == b"while here"
        await acknowledge(client, publisher, mid)
    await until_connected(publisher, mid, 0)
    for number in range(1000):
        await publisher.publish(f"goim.push.member.{mid}.1000", b"%d" % number)
    await settle(publisher)
    with login(system, transport, mid=mid, key=key, accepts=[1000]) as client:
        first = client.receive_pushes(1)
        await stream.publish(f"goim.push.member.{mid}.1000", b"newer")
        bodies = [one.body for one in [*first, *client.receive_pushes(1001 - len(first))]]
        assert bodies == [*(b"%d" % number for number in range(1000)), b"newer"]
        assert client.receive_rest() == (b"", False)
        await acknowledge(client, publisher, mid)
    await until_connected(publisher, mid, 0)
    with login(system, transport, mid=mid, key=key, accepts=[1000]) as client:
        assert client.receive_rest() == (b"", False)
    await publisher.close()


async def test_a_device_never_seen_gets_all_that_is_kept_of_its_member(
    system: RunningSystem,
) -> None:
    mid = new_mid()
    publisher = await nats.connect(system.nats_url)
    for body in (b"one", b"two"):
        await publisher.jetstream(timeout=20).publish(f"goim.push.member.{mid}.1000", body)
    await publisher.close()
    for device in (unique(), unique()):
        with login(system, "ws", mid=mid, key=device, accepts=[1000]) as client:
            assert [one.body for one in client.receive_pushes(2)] == [b"one", b"two"]


async def test_a_returning_device_gets_what_its_room_said_meanwhile(
    system: RunningSystem,
) -> None:
    mid, key, room = new_mid(), unique(), f"chat://{unique()}"
    subject = f"goim.push.room.chat.{room.partition('://')[2]}.1000"
    publisher = await nats.connect(system.nats_url)
    stream = publisher.jetstream(timeout=20)
    await stream.publish(subject, b"before anybody came")
    with login(system, "ws", mid=mid, key=key, room_id=room) as client:
        await stream.publish(subject, b"here")
        assert [one.body for one in client.receive_pushes(1)] == [b"here"]
        client.send(encode_frame(Operation.HEARTBEAT))
        client.receive()
        client.send(encode_frame(Operation.CHANGE_ROOM))
        client.receive()
        await stream.publish(subject, b"in no room")
        client.send(encode_frame(Operation.CHANGE_ROOM, room.encode()))
        assert client.receive().operation == Operation.CHANGE_ROOM_REPLY
        assert [one.body for one in client.receive_pushes(1)] == [b"in no room"]
        await acknowledge(client, publisher, mid)
    await until_connected(publisher, mid, 0)
    await stream.publish(subject, b"away")
    with login(system, "ws", mid=mid, key=key, room_id=room) as client:
        assert [one.body for one in client.receive_pushes(1)] == [b"away"]
    await publisher.close()


async def test_an_ext_client_gets_each_message_once_over_reconnects(
    system: RunningSystem,
) -> None:
    mid, room = new_mid(), f"chat://{unique()}"
    publisher = await nats.connect(system.nats_url)
    stream = publisher.jetstream(timeout=20)
    subject = f"goim.push.room.chat.{room.partition('://')[2]}.1000"
    fields = {"mid": mid, "room": room, "key": unique(), "accepts": [1000]}
    async with Client(system.websocket_url, **fields) as client:  # type: ignore[arg-type]
        await stream.publish(subject, b"0")
        assert (await anext(client)).body == b"0"  # type: ignore[union-attr]
    positions = client.positions
    for number in range(1, 50):
        await stream.publish(subject, b"%d" % number)
    async with Client(system.tcp_url, resume=positions, **fields) as client:  # type: ignore[arg-type]
        bodies = [(await anext(client)).body for _ in range(49)]  # type: ignore[union-attr]
    assert bodies == [b"%d" % number for number in range(1, 50)]
    await publisher.close()
