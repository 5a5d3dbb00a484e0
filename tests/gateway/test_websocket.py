"""WebSocket frames in any form and any split (goim-compat 1.2, reliability 4, RFC 6455)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.websocket import WebSocketConnection
from schemas.close_codes import CloseCode
from schemas.frame import encode_frame
from tests.gateway.clients import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Closed,
    WsClient,
    websocket_frame,
)
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.vectors import VECTORS

CONTINUATION = 0
BEAT = encode_frame(2, sequence=5)
BEAT_REPLY = bytes.fromhex("8214000000140010000100000003 00000005 00000000")
ECHO = bytes.fromhex("82100000001000100001000000050000 0006")


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    limits = {"frames_burst": 100_000}
    async with running_gateway(nats_url, prefix, limits) as running:
        yield running


def connection_of(harness: Harness) -> WebSocketConnection:
    (connection,) = harness.gateway.hub.connections.values()
    assert isinstance(connection, WebSocketConnection)
    return connection


async def send_in_pieces(client: WsClient, *pieces: bytes) -> None:
    """Send so that the server reads the pieces one by one."""
    for piece in pieces:
        client.write(piece)
        await client.writer.drain()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_frames_are_answered_however_tcp_splits_them(harness: Harness) -> None:
    frames = websocket_frame(BEAT) + websocket_frame(encode_frame(5, b"x" * 200, sequence=6))
    frames += websocket_frame(b"hi", PING) + websocket_frame(BEAT)
    answer = BEAT_REPLY + ECHO + b"\x8a\x02hi" + BEAT_REPLY
    client = await harness.ws(mid=5)
    for place in range(1, len(frames)):
        connection = connection_of(harness)
        connection.data_received(frames[:place])
        connection.data_received(frames[place:])
        assert await client.reader.readexactly(len(answer)) == answer
        assert connection.buffer == b""
    for byte in frames:
        connection.data_received(bytes([byte]))
    assert await client.reader.readexactly(len(answer)) == answer
    connection.data_received(frames * 50)
    assert await client.reader.readexactly(len(answer) * 50) == answer * 50


async def test_a_fragmented_message_is_put_together_and_the_fast_path_taken_again(
    harness: Harness,
) -> None:
    client = await harness.ws(mid=5)
    await send_in_pieces(
        client,
        websocket_frame(BEAT[:7], BINARY, fin=False),
        websocket_frame(b"in between", PING),
        websocket_frame(b"", CONTINUATION, fin=False),
        websocket_frame(b"unasked", PONG),
        websocket_frame(BEAT[7:], CONTINUATION) + websocket_frame(BEAT),
    )
    assert await client.read_message() == (PONG, b"in between")
    assert (await client.receive()).sequence == 5
    assert (await client.receive()).sequence == 5
    assert connection_of(harness).unusual is None
    assert not harness.gateway.fragmenting


async def test_goims_captured_fragments_are_answered_as_goim_does(harness: Harness) -> None:
    client, vector = await harness.ws(mid=5), VECTORS["V40"]
    client.write(vector.websocket)
    assert vector.reply_websocket is not None
    reply = await client.reader.readexactly(len(vector.reply_websocket))
    assert reply == vector.reply_websocket


async def test_a_ping_is_answered_at_once_with_its_payload(harness: Harness) -> None:
    client = await harness.ws()  # before auth too
    for payload in (b"", b"hi", b"x" * 125):
        client.write(websocket_frame(payload, PING))
        assert await client.read_message() == (PONG, payload)


async def test_a_client_that_says_goodbye_gets_its_close_frame_back(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(b"\x03\xe8bye", CLOSE) + websocket_frame(BEAT))
    assert await client.read_message() == (CLOSE, b"\x03\xe8bye")
    assert await client.reader.read() == b""
    client.writer.close()
    await harness.emptied()
    assert harness.gateway.counters.closed == {1000: 1}


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", 1000), (b"\x03\xe9", 1001), (b"\x0f\xa0app", 1000), (b"\x0b\xb8", 1000)],
)
async def test_any_goodbye_is_echoed_and_counted(
    harness: Harness, payload: bytes, code: int
) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(payload, CLOSE))
    assert await client.read_message() == (CLOSE, payload)
    client.writer.close()
    await harness.emptied()
    assert harness.gateway.counters.closed == {code: 1}


async def test_text_is_taken_like_binary(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(BEAT, TEXT))
    assert (await client.receive()).sequence == 5
    assert connection_of(harness).unusual is None


async def test_text_that_is_no_utf8_is_refused(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(encode_frame(5, b"\xff"), TEXT))
    assert (await client.closed()).code == 1007
    await harness.emptied()


async def test_text_is_refused_where_the_setting_says_so(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, text_messages=False) as harness:
        client = await harness.ws(mid=5)
        client.write(websocket_frame(BEAT, TEXT))
        assert (await client.closed()).code == 1003


BROKEN = {
    "unmasked": websocket_frame(BEAT, mask=None),
    "rsv1": websocket_frame(BEAT, rsv=4),
    "rsv2": websocket_frame(BEAT, rsv=2),
    "opcode 3": websocket_frame(BEAT, 3),
    "opcode 11": websocket_frame(BEAT, 11),
    "continuation of nothing": websocket_frame(BEAT, CONTINUATION),
    "long ping": websocket_frame(b"x" * 126, PING),
    "fragmented ping": websocket_frame(b"x", PING, fin=False),
    "a message inside another": websocket_frame(b"x", fin=False) + websocket_frame(BEAT),
    "close with one byte": websocket_frame(b"\x03", CLOSE),
    "close with code 1005": websocket_frame(b"\x03\xed", CLOSE),
    "close inside a message": websocket_frame(b"x", fin=False) + websocket_frame(b"", CLOSE),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_frame_closes_with_1002(harness: Harness, name: str) -> None:
    client = await harness.ws(mid=5)
    client.write(BROKEN[name] + websocket_frame(BEAT) * 3)
    assert (await client.closed()).code == 1002
    await harness.emptied()
    assert harness.gateway.counters.closed == {1002: 1}


async def test_a_close_reason_that_is_no_utf8_closes_with_1007(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(b"\x03\xe8\xff", CLOSE))
    assert (await client.closed()).code == 1007
    await harness.is_true(lambda: bool(harness.gateway.counters.closed))
    assert harness.gateway.counters.closed == {1007: 1}


@pytest.mark.parametrize("size", [8193, 65_535, 65_536, 2**40, 2**63 - 1])
async def test_a_frame_that_is_too_large_is_refused_from_its_head_alone(
    harness: Harness, size: int
) -> None:
    client = await harness.ws(mid=5)
    short = size < 65_536
    length = size.to_bytes(2, "big") if short else size.to_bytes(8, "big")
    client.write(bytes([0x82, 0x80 | (126 if short else 127)]) + length)
    assert (await client.closed()).code == 1009
    await harness.emptied()


async def test_the_largest_frame_passes_and_more_than_its_goim_frame_is_dropped(
    harness: Harness,
) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(encode_frame(5, b"x" * 4096, sequence=6).ljust(8192, b"y")))
    assert (await client.receive()).sequence == 6
    assert harness.gateway.counters.dropped == {"bytes_after_frame": 1}


async def test_fragments_may_not_sum_up_to_more_than_a_message(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(b"x" * 5000, fin=False))
    client.write(websocket_frame(b"x" * 5000, CONTINUATION, fin=False))
    assert (await client.closed()).code == 1009
    await harness.emptied()


async def test_64_fragments_pass_and_65_do_not(harness: Harness) -> None:
    for count, passes in ((64, True), (65, False)):
        client = await harness.ws(mid=5)
        pieces = [BEAT[:1], *([b""] * (count - 2)), BEAT[1:]]
        for number, piece in enumerate(pieces):
            opcode = CONTINUATION if number else BINARY
            client.write(websocket_frame(piece, opcode, fin=number == count - 1))
        if passes:
            assert (await client.receive()).sequence == 5
        else:
            assert (await client.closed()).code == 1009


async def test_200_000_empty_fragments_are_cut_off_and_cost_nothing(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    connection = connection_of(harness)
    client.write(websocket_frame(b"", fin=False))
    client.write(websocket_frame(b"", CONTINUATION, fin=False) * 200_000)
    assert (await client.closed()).code == 1009
    assert connection.unusual is not None
    assert len(connection.unusual.parts) <= 65
    assert connection.buffer == b""
    await harness.emptied()


async def test_a_flood_of_pings_is_a_flood_of_frames(nats_url: str, prefix: str) -> None:
    limits = {"frames_burst": 100, "frames_per_second": 1.0}
    async with running_gateway(nats_url, prefix, limits) as harness:
        client = await harness.ws(mid=5)
        client.write(websocket_frame(b"", PING) * 10_000)
        assert (await closed_after_pongs(client)).code == 4009


async def closed_after_pongs(client: WsClient) -> Closed:
    while True:
        opcode, payload = await client.read_message()
        if opcode != PONG:
            client.writer.close()
            return Closed(int.from_bytes(payload[:2], "big"))


async def test_a_message_whose_fragments_come_too_slowly_is_cut_off(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, {"message_seconds": 0.01}) as harness:
        client = await harness.ws(mid=5)
        client.write(websocket_frame(BEAT[:5], fin=False))
        assert (await client.closed()).code == 4012
        await harness.emptied()


GOIM_FAULTS = {
    "V34: 15 bytes": BEAT[:15],
    "V35: nothing": b"",
    "header length 17": BEAT[:4] + b"\0\x11" + BEAT[6:],
    "packet length 0": bytes(4) + BEAT[4:],
    "packet length -1": b"\xff" * 4 + BEAT[4:],
    "V45: longer than the message": b"\0\0\x10\x10" + BEAT[4:],
    "V30: body of 4097": encode_frame(4, b"x" * 4097),
}


@pytest.mark.parametrize("name", GOIM_FAULTS)
async def test_a_message_that_is_no_goim_frame_closes_with_4000(
    harness: Harness, name: str
) -> None:
    client = await harness.ws(mid=5)
    client.write(websocket_frame(GOIM_FAULTS[name]) + websocket_frame(BEAT))
    closed = await client.closed()
    assert closed.code == 4000
    assert closed.words
    await harness.emptied()


async def test_goims_crash_by_a_lying_fragmented_message_is_a_close(harness: Harness) -> None:
    client = await harness.ws()
    client.write(VECTORS["V46"].websocket)
    assert (await client.closed()).code == 4000


async def test_frames_after_an_unusual_one_in_the_same_segment_are_all_answered(
    harness: Harness,
) -> None:
    client = await harness.ws(mid=5)
    beats = [websocket_frame(encode_frame(2, sequence=number)) for number in range(5)]
    client.write(websocket_frame(b"p", PING) + beats[0] + beats[1])
    client.write(websocket_frame(encode_frame(2, sequence=9), TEXT) + b"".join(beats[2:]))
    assert await client.read_message() == (PONG, b"p")
    assert [(await client.receive()).sequence for _ in range(6)] == [0, 1, 9, 2, 3, 4]


async def test_our_close_frame_is_answered_or_not_and_the_socket_goes(harness: Harness) -> None:
    polite, silent, chatty = [await harness.ws(mid=number) for number in (1, 2, 3)]
    for connection in tuple(harness.gateway.hub.connections.values()):
        connection.close(CloseCode.KICKED, "out")
    for client in (polite, silent, chatty):
        assert await client.closed(hang_up=False) == Closed(4011, "out")
    polite.write(websocket_frame(b"\x0f\xab", CLOSE))
    assert await polite.reader.read() == b""
    chatty.write(websocket_frame(BEAT) * 100 + websocket_frame(b"", PING) * 100)
    polite.writer.close()
    chatty.writer.close()
    await harness.emptied()  # the silent one after a short while
    assert harness.gateway.counters.closed == {4011: 3}


async def test_a_long_close_reason_is_cut_between_characters(harness: Harness) -> None:
    client = await harness.ws(mid=5)
    connection_of(harness).close(CloseCode.KICKED, "é" * 100)
    closed = await client.closed()
    assert closed.words == "é" * 61


async def test_a_reset_at_any_moment_leaves_nothing(harness: Harness) -> None:
    opened = websocket_frame(encode_frame(7, b'{"mid":5,"room_id":"live://1"}'))
    half = websocket_frame(BEAT[:3], fin=False)
    stages = [b"", opened[:9], opened, opened + half, opened + half[:3]]
    stages += [opened + websocket_frame(b"", CLOSE), opened + websocket_frame(b"x")]
    for stage in stages * 3:
        client = await harness.ws()
        client.write(stage)
        await client.writer.drain()
        client.reset()
    await harness.emptied()
