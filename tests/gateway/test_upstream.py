"""What clients send: to the router, answered in order, with the error or the echo that fits."""

from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest
import pytest_asyncio

from schemas.headers import ID, SESSION, header_value
from schemas.messages_pb2 import Error
from schemas.policies import Policy
from schemas.subjects import Subjects
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

ROOM: dict[str, Any] = {"mid": 5, "key": "phone", "room_id": "live://1"}


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


async def answer_of(client: Client, operation: int = 4, sequence: int = 9) -> Any:
    """Send a message as an `ext` client and return what op 5 says."""
    client.waiting.clear()
    client.send(operation, b"hello", sequence=sequence)
    while (frame := await client.receive()).operation != 5:
        pass
    assert frame.sequence == sequence
    return loads(frame.body)


async def test_a_message_is_sent_to_the_room_with_who_sent_it(harness: Harness) -> None:
    client = await harness.tcp(**ROOM)
    assert await client.ask(1000, b"hello", sequence=12) == (1, 1000, 12, b"")
    ((subject, body, headers),) = harness.router.sent
    assert subject == f"{harness.bus.subjects.prefix}.up.live.1.5.1000"
    assert Subjects(harness.bus.subjects.prefix).upstream_parts(subject) == (
        "room.live.1",
        5,
        1000,
    )
    assert body == b"hello"
    (connection,) = harness.gateway.hub.connections.values()
    assert header_value(headers, SESSION) == connection.session_id
    assert header_value(headers, ID) == ""


async def test_an_ext_client_is_told_the_sequence(harness: Harness) -> None:
    client = await harness.ws(**ROOM, ext=1)
    assert await answer_of(client) == {"sequence": 1}
    harness.router.duplicate = True
    assert await answer_of(client) == {"sequence": 2, "duplicate": True}


async def test_an_ext_clients_message_has_an_id_of_member_key_and_number(harness: Harness) -> None:
    client = await harness.tcp(**ROOM, ext=1)
    for sequence in (7, 0, -7):
        await answer_of(client, sequence=sequence)
    ids = [header_value(headers, ID) for _, _, headers in harness.router.sent]
    assert ids == ["5.phone.7", "", ""]


async def test_any_key_makes_an_id_that_is_one_line(harness: Harness) -> None:
    key = "a b\r\nNats-Rollup: all\r\n\r\n\N{GRINNING FACE}.%"
    client = await harness.tcp(**ROOM | {"key": key}, ext=1)
    assert await answer_of(client) == {"sequence": 1}
    (_, _, headers) = harness.router.sent[0]
    assert header_value(headers, "Nats-Rollup") == ""
    message_id = header_value(headers, ID)
    assert message_id.startswith("5.a%20b%0D%0A")
    assert message_id.endswith(".9")


async def test_answers_keep_the_order_of_what_was_sent(harness: Harness) -> None:
    harness.router.holds = True
    client = await harness.tcp(**ROOM)
    client.send(1000, b"first", sequence=1)
    client.send(2, sequence=2)
    client.send(1001, b"second", sequence=3)
    client.send(14, b"7", sequence=4)
    client.send(12, b"", sequence=5)
    await harness.router.arrived.wait()
    assert [body for _, body, _ in harness.router.sent] == [b"first"]
    harness.router.let_go()
    await harness.is_true(lambda: len(harness.router.sent) == 2)
    harness.router.let_go()
    frames = [await client.receive() for _ in range(5)]
    assert [(one.operation, one.sequence) for one in frames] == [
        (1000, 1),
        (3, 2),
        (1001, 3),
        (15, 4),
        (13, 5),
    ]


async def test_a_refusal_of_the_router_is_told_to_ext_clients(harness: Harness) -> None:
    client = await harness.ws(**ROOM, ext=1)
    harness.router.error = Error(code=429, message="too many messages", retry="later")
    assert (await answer_of(client))["error"]["code"] == 429
    assert harness.gateway.counters.refused == {"send_429": 1}
    plain = await harness.ws(**ROOM | {"key": "other"})
    assert await plain.ask(4, b"x") == (1, 4, 1, b"")


async def test_without_a_router_a_message_can_be_sent_again(harness: Harness) -> None:
    client = await harness.tcp(**ROOM, ext=1)
    await harness.services["router"].stop()
    await harness.bus.flush()
    assert (await answer_of(client))["error"]["code"] == 503
    assert harness.gateway.counters.refused["send_503"] == 1
    plain = await harness.tcp(**ROOM | {"key": "other"})
    assert await plain.ask(4, b"x") == (1, 4, 1, b"")


async def test_who_is_in_no_room_is_told_so(harness: Harness) -> None:
    client = await harness.tcp(mid=5, ext=1)
    assert (await answer_of(client))["error"]["code"] == 404
    plain = await harness.tcp(mid=5)
    assert await plain.ask(4, b"x") == (1, 4, 1, b"")
    assert harness.router.sent == []


@pytest.mark.parametrize(
    ("room", "rights", "send", "allowed"),
    [
        ("chat://1", [{"pattern": "chat://1", "receive": True}], "members", False),
        ("chat://1", [{"pattern": "chat://1", "receive": True, "send": True}], "members", True),
        ("chat://1", [{"pattern": "chat://1", "receive": True}], "anyone", True),
        ("live://1", [], "anyone", True),
    ],
)
async def test_who_may_send_is_said_by_the_token_or_the_room_type(
    harness: Harness, room: str, rights: list[Any], send: str, allowed: bool
) -> None:
    harness.policies.own["chat"] = Policy(send=send)
    harness.auth.grant = {"rooms": rights}
    client = await harness.tcp(mid=5, room_id=room, ext=1)
    answer = await answer_of(client)
    assert (answer == {"sequence": 1}) is allowed
    assert len(harness.router.sent) == allowed


async def test_refusals_in_a_row_do_not_stop_the_frames_behind_them(harness: Harness) -> None:
    client = await harness.tcp(mid=5, ext=1)
    for number in range(1, 61):
        client.send(4, b"x", sequence=number)
    client.send(2, sequence=99)
    sequences = []
    while 99 not in sequences:
        frame = await client.receive()
        if frame.operation in (3, 5):
            sequences.append(frame.sequence)
    assert sequences == [*range(1, 61), 99]


async def test_a_client_that_waits_for_long_is_not_read_any_more(
    nats_url: str, prefix: str
) -> None:
    limits = {"waiting_frames": 5, "frames_burst": 10_000}
    async with running_gateway(nats_url, prefix, limits) as harness:
        harness.router.holds = True
        client = await harness.tcp(**ROOM)
        (connection,) = harness.gateway.hub.connections.values()
        client.send(4, b"x", sequence=1)
        await harness.router.arrived.wait()
        for number in range(2, 7):
            client.send(2, sequence=number)
        await harness.is_true(lambda: not connection.transport.is_reading())
        for number in range(7, 1000):
            client.send(2, sequence=number)
        assert len(connection.backlog or ()) == 5
        harness.router.let_go()
        assert [(await client.receive()).sequence for _ in range(999)] == [*range(1, 1000)]
        assert connection.transport.is_reading()


async def test_who_leaves_before_the_answer_is_not_missed(harness: Harness) -> None:
    harness.router.holds = True
    clients = [await harness.tcp(**ROOM | {"key": str(number)}) for number in range(2)]
    for client in clients:
        client.send(4, b"x")
        client.send(4, b"behind")
    await harness.is_true(lambda: len(harness.router.sent) == 2)
    clients[0].reset()
    await clients[1].finish()
    await harness.emptied()
    harness.router.let_go()
    await harness.delivered()
    await harness.gateway.bus.flush()
    await harness.bus.flush()
    assert len(harness.router.sent) == 2


async def test_the_sender_does_not_get_its_message_back_and_its_member_does(
    harness: Harness,
) -> None:
    sender = await harness.tcp(**ROOM)
    other = await harness.tcp(**ROOM | {"key": "tablet"})
    await harness.settled()
    connection = harness.gateway.hub.by_key["phone"]
    harness.store.publish("room.live.1", b"mine", headers={SESSION: connection.session_id})
    harness.store.publish("room.live.1", b"others", headers={SESSION: "g-1-2.1"})
    assert await other.bodies(2) == [b"mine", b"others"]
    assert await sender.bodies(1) == [b"others"]


async def test_too_many_frames_close(nats_url: str, prefix: str) -> None:
    limits = {"frames_per_second": 0.01, "frames_burst": 5}
    async with running_gateway(nats_url, prefix, limits) as harness:
        client = await harness.ws(**ROOM)
        for _ in range(5):
            client.send(2)
        assert (await client.closed()).code == 4009
        await harness.emptied()
        assert harness.gateway.counters.closed == {4009: 1}
