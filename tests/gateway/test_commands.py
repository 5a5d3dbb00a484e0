"""What the router tells a gateway: push to keys, close connections."""

from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest
import pytest_asyncio

from schemas.messages_pb2 import CloseSession, GatewayCommand, KeyPush, KeyPushReply
from tests.gateway.clients import Closed
from tests.gateway.harness import Harness, running_gateway


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


async def push(harness: Harness, *keys: str, operation: int = 1000) -> KeyPushReply:
    command = GatewayCommand(push=KeyPush(keys=keys, operation=operation, body=b"pushed"))
    subject = harness.bus.subjects.gateway(harness.gateway.id)
    reply = await harness.bus.call(subject, command.SerializeToString())
    return KeyPushReply.FromString(reply.payload)


def close(harness: Harness, **values: Any) -> None:
    command = GatewayCommand(close=CloseSession(code=4011, reason="out", **values))
    subject = harness.bus.subjects.gateway(harness.gateway.id)
    harness.bus.publish(subject, command.SerializeToString())


async def test_a_push_reaches_the_connections_with_these_keys(harness: Harness) -> None:
    tcp = await harness.tcp(mid=5, key="a", accepts=[1000])
    ws = await harness.ws(mid=6, key="b", accepts=[1000])
    other = await harness.ws(mid=7, key="c", accepts=[1000])
    answer = await push(harness, "a", "b", "nobody")
    assert (answer.sessions, answer.dropped) == (2, 0)
    for client in (tcp, ws):
        assert await client.receive() == (1, 1000, 0, b"pushed")
    await other.is_quiet()


async def test_a_push_honours_accepts_and_ext(harness: Harness) -> None:
    client = await harness.tcp(mid=5, key="a", accepts=[1000], ext=1)
    await client.until_live("all")
    await harness.settled()
    assert (await push(harness, "a", operation=7)).sessions == 1
    await push(harness, "a")
    topic, pushed = await client.receive(), await client.receive()
    assert loads(topic.body) == {"topic": "key", "sequence": 0}
    assert pushed.body == b"pushed"


async def test_a_push_to_who_does_not_read_is_dropped_and_counted(harness: Harness) -> None:
    await harness.tcp(mid=5, key="a", accepts=[1000])
    harness.gateway.hub.by_key["a"].blocked = True
    answer = await push(harness, "a")
    assert (answer.sessions, answer.dropped) == (1, 1)
    assert harness.gateway.counters.dropped == {"slow_connection": 1}


async def test_a_push_that_nobody_wants_the_answer_of_is_done(harness: Harness) -> None:
    client = await harness.tcp(mid=5, key="a", accepts=[1000])
    command = GatewayCommand(push=KeyPush(keys=["a"], operation=1000, body=b"x"))
    harness.bus.publish(
        harness.bus.subjects.gateway(harness.gateway.id), command.SerializeToString()
    )
    assert await client.bodies(1) == [b"x"]


async def test_a_connection_is_closed_by_session(harness: Harness) -> None:
    one, other = [await harness.ws(mid=5) for _ in range(2)]
    session = harness.gateway.hub.connections[1].session_id
    close(harness, session=session)
    assert await one.closed() == Closed(4011, "out")
    await other.is_quiet()


async def test_a_connection_is_closed_by_key_or_member(harness: Harness) -> None:
    keyed = await harness.ws(mid=5, key="a")
    members = [await harness.ws(mid=6) for _ in range(3)]
    close(harness, key="a")
    assert (await keyed.closed()).code == 4011
    close(harness, mid=6)
    for client in members:
        assert (await client.closed()).code == 4011
    await harness.emptied()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"session": "other-gateway.1"},
        {"session": "x"},
        {"session": ".1"},
        {"key": "nobody"},
        {"mid": 99},
        {"mid": -1},
    ],
)
async def test_who_is_not_here_is_not_closed(harness: Harness, values: dict[str, Any]) -> None:
    client = await harness.ws(mid=5, key="a")
    anonymous = await harness.ws(key="b")
    close(harness, **values)
    await harness.delivered()
    await client.is_quiet()
    await anonymous.is_quiet()


async def test_a_strange_session_closes_nobody(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    for number in ("\N{SUPERSCRIPT TWO}", "9" * 5000, "-1"):
        close(harness, session=f"{harness.gateway.id}.{number}")
    await harness.delivered()
    await client.is_quiet()


async def test_an_unknown_code_is_an_error_on_our_side(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    command = GatewayCommand(close=CloseSession(mid=5, code=7))
    subject = harness.bus.subjects.gateway(harness.gateway.id)
    harness.bus.publish(subject, command.SerializeToString())
    assert (await client.closed()).code == 1011


async def test_an_ext_client_is_told_before_it_is_closed(harness: Harness) -> None:
    client = await harness.tcp(mid=5, ext=1)
    await harness.settled()
    close(harness, mid=5)
    while (frame := await client.receive()).operation != 29:
        pass
    notice = {"code": 4011, "message": "out", "retry": "never", "after": 0.0}
    assert loads(frame.body) == notice
    assert await client.closed() == Closed()


@pytest.mark.parametrize("payload", [b"", b"\xff\xff", b"{}", b"x" * 100])
async def test_a_command_that_makes_no_sense_does_nothing(harness: Harness, payload: bytes) -> None:
    client = await harness.ws(mid=5)
    harness.bus.publish(harness.bus.subjects.gateway(harness.gateway.id), payload)
    await harness.delivered()
    await client.is_quiet()
