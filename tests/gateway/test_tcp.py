"""goim frames back to back on TCP: captured exchanges, any split, and who is at the wrong door."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from schemas.frame import encode_frame
from tests.gateway.clients import TcpClient
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.vectors import VECTORS

TOKEN: dict[str, Any] = {"mid": 7, "key": "phone", "room_id": "live://7", "accepts": [1000]}
AUTH = ("V01", "V02", "V03", "V04", "V08")
REFUSED = ("V06", "V07", "V09")
ANSWERED = (  # after a login with TOKEN
    *("V11", "V12", "V13", "V16", "V17", "V18", "V19", "V20", "V21", "V22", "V23", "V24"),
    *("V25", "V26", "V27", "V28", "V37", "V62"),
)
BROKEN = ("V30", "V31", "V32", "V33")


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


@pytest.mark.parametrize("name", ANSWERED)
async def test_a_captured_frame_is_answered_as_goim_does(harness: Harness, name: str) -> None:
    client, vector = await harness.tcp(**TOKEN), VECTORS[name]
    client.write(vector.tcp)
    expected = vector.reply_tcp or b""
    assert await client.reader.readexactly(len(expected)) == expected
    await client.is_quiet()


async def test_a_login_and_more_in_one_segment_are_answered_in_order(harness: Harness) -> None:
    client, vector = await harness.tcp(), VECTORS["V63"]
    client.write(vector.tcp)
    expected = vector.reply_tcp or b""
    assert await client.reader.readexactly(len(expected)) == expected


async def test_eight_requests_at_once_are_all_answered(harness: Harness) -> None:
    client = await harness.tcp(**TOKEN)
    client.write(VECTORS["V64"].tcp)
    assert [(await client.receive()).operation for _ in range(8)] == [3] * 8


async def test_a_client_that_left_its_room_is_told_zero(harness: Harness) -> None:
    client = await harness.tcp(**TOKEN)
    assert (await client.ask(2)).body == b"\0\0\0\1"
    await client.ask(12)
    assert (await client.ask(2)).body == b"\0\0\0\0"


@pytest.mark.parametrize("name", AUTH)
async def test_a_captured_login_is_answered_with_an_empty_body(harness: Harness, name: str) -> None:
    harness.auth.answer = b"{}"
    client, vector = await harness.tcp(), VECTORS[name]
    client.write(vector.tcp)
    assert await client.reader.readexactly(16) == vector.reply_tcp
    assert harness.auth.requests[0]["token"].encode() == vector.tcp[16:]


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refused_login_is_closed_without_a_reply(harness: Harness, name: str) -> None:
    harness.auth.answer = b'{"error":{"code":4001,"message":"no"}}'
    client = await harness.tcp()
    client.write(VECTORS[name].tcp)
    assert await client.reader.read() == b""
    client.writer.close()
    await harness.emptied()
    assert harness.gateway.counters.closed == {4001: 1}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_frame_closes(harness: Harness, name: str) -> None:
    client, sent = await harness.tcp(**TOKEN), VECTORS[name].tcp
    client.write(sent + encode_frame(2))
    assert await client.reader.read() == b""
    client.writer.close()
    await harness.emptied()
    assert harness.gateway.counters.closed == {4000: 1}


async def test_frames_before_a_broken_one_are_answered(harness: Harness) -> None:
    client = await harness.tcp(**TOKEN)
    client.write(encode_frame(2, sequence=3) + VECTORS["V31"].tcp)
    assert (await client.receive()).sequence == 3
    await client.closed()


async def test_any_split_of_a_stream_is_answered_alike(harness: Harness) -> None:
    client = await harness.tcp(**TOKEN)
    (connection,) = harness.gateway.hub.connections.values()
    sent = VECTORS["V62"].tcp + encode_frame(5, b"x" * 100, sequence=9)
    expected = (VECTORS["V62"].reply_tcp or b"") + encode_frame(5, sequence=9)
    for place in range(len(sent)):
        connection.data_received(sent[:place])
        connection.data_received(sent[place:])
        assert await client.reader.readexactly(len(expected)) == expected
        connection.session.frames_left = 200.0
    for byte in sent:
        connection.data_received(bytes([byte]))
    assert await client.reader.readexactly(len(expected)) == expected
    assert connection.buffer == b""


async def test_the_largest_body_passes(harness: Harness) -> None:
    client = await harness.tcp(**TOKEN)
    client.write(encode_frame(4, b"z" * 4096, sequence=16))
    assert await client.reader.readexactly(16) == VECTORS["V29"].reply_tcp
    assert harness.router.sent[0][1] == b"z" * 4096


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + b"x" * 40]
)
async def test_http_and_tls_on_the_tcp_port_are_counted(harness: Harness, sent: bytes) -> None:
    client = await harness.tcp()
    client.write(sent)
    assert await client.reader.read() == b""
    client.writer.close()
    await harness.emptied()
    assert harness.gateway.counters.refused == {"http_or_tls_on_tcp_port": 1}


async def test_frames_that_come_after_the_end_are_not_looked_at(harness: Harness) -> None:
    client = await harness.tcp(**TOKEN)
    (connection,) = harness.gateway.hub.connections.values()
    connection.data_received(VECTORS["V31"].tcp)
    connection.data_received(encode_frame(2))
    assert connection.frames_received == 1  # the login
    await client.closed()


async def test_a_reset_at_any_moment_leaves_nothing(harness: Harness) -> None:
    auth = encode_frame(7, b'{"mid":5,"room_id":"live://1"}')
    for stage in (b"", auth[:9], auth, auth + encode_frame(2)[:3], VECTORS["V31"].tcp):
        client = await harness.tcp()
        client.write(stage)
        await client.writer.drain()
        client.reset()
    await harness.emptied()


async def test_there_is_no_place_beyond_the_limit(nats_url: str, prefix: str) -> None:
    limits = {"connections": 3, "connections_per_address": 2}
    async with running_gateway(nats_url, prefix, limits) as harness:
        clients = [await harness.tcp(**TOKEN | {"key": str(number)}) for number in range(2)]
        for _ in range(2):
            refused = await harness.tcp()
            await refused.closed()
        await harness.tcp("127.0.0.2", mid=8)
        refused = await harness.tcp("127.0.0.3")
        await refused.closed()
        rules = {"connections_per_address": 2, "connections": 1}
        assert harness.gateway.counters.refused == rules
        assert harness.gateway.counters.closed == {4008: 3}
        await clients[0].finish()
        await harness.is_true(lambda: harness.gateway.hub.sockets == 2)
        await harness.tcp(**TOKEN)


async def test_nobody_new_is_taken_while_draining(harness: Harness) -> None:
    harness.gateway.draining = True
    client = await harness.tcp()
    await client.closed()
    await harness.emptied()
    assert harness.gateway.counters.closed == {1001: 1}


async def test_many_may_come_and_go_at_once(harness: Harness) -> None:
    async def visit(number: int) -> None:
        client = await TcpClient.connect(harness.tcp_port)
        await client.auth(mid=number % 50, room_id=f"live://{number % 20}", accepts=[1000])
        if number % 3:
            await client.finish()
        else:
            client.reset()

    await asyncio.gather(*(visit(number) for number in range(300)))
    await harness.emptied()
