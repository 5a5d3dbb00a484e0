"""What clients send into their room: stored, stamped, answered, delivered to the others once."""

import json

from goimbus.client import Client
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.system.goim_socket import GoimSocket, unique
from tests.system.running_system import RunningSystem


async def test_a_message_reaches_the_others_stamped_and_the_sender_its_sequence(
    system: RunningSystem,
) -> None:
    room = f"chat://{unique()}"
    async with (
        Client(system.websocket_url, mid=11, room=room, key=unique()) as sender,
        Client(system.tcp_url, mid=12, room=room, key=unique()) as receiver,
    ):
        sequence = await sender.send("hello")
        message = await anext(receiver)
        assert message.sequence == sequence  # type: ignore[union-attr]
        stamped = json.loads(message.body)  # type: ignore[union-attr]
        assert (stamped["from"], stamped["sequence"], stamped["body"]) == (11, sequence, "hello")
        assert await receiver.send("and back") > sequence
        assert json.loads((await anext(sender)).body)["body"] == "and back"  # type: ignore[union-attr]


async def test_the_same_number_is_stored_once(system: RunningSystem) -> None:
    room = f"chat://{unique()}"
    async with Client(system.websocket_url, mid=11, room=room, key=unique()) as sender:
        first = await sender.send("once", number=77)
        assert await sender.send("once", number=77) == first


def test_a_stock_client_gets_its_echo_and_not_its_own_message(system: RunningSystem) -> None:
    room = f"live://{unique()}"
    with GoimSocket("ws", system.port) as sender, GoimSocket("ws", system.port) as other:
        sender.login(json.dumps({"mid": 21, "key": unique(), "room_id": room}))
        other.login(json.dumps({"mid": 22, "key": unique(), "room_id": room}))
        sender.send(encode_frame(Operation.SEND_MESSAGE, b"hi", 102, 9))
        reply = sender.receive()
        assert (reply.operation, reply.body, reply.version, reply.sequence) == (4, b"", 102, 9)
        stamped = json.loads(other.receive_pushes(1)[0].body)
        assert (stamped["from"], stamped["body"]) == (21, "hi")
        assert sender.receive_rest() == (b"", False)


def test_the_same_key_anywhere_closes_the_older_connection(system: RunningSystem) -> None:
    key = unique()
    older = [GoimSocket("tcp", system.tcp_port) for _ in range(6)]
    for client in older:
        client.login(json.dumps({"mid": 31, "key": key}))
    for client in older[:-1]:
        assert client.receive_bytes(1) == b""  # closed, on whichever worker it was
    older[-1].send(encode_frame(Operation.HEARTBEAT))
    assert older[-1].receive().operation == Operation.HEARTBEAT_REPLY
    for client in older:
        client.socket.close()
