"""The HTTP port's front door: who goes on with a socket, and what is said to whom may not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from json import loads

import pytest
import pytest_asyncio
import structlog

from gateway.proxies import Proxies
from gateway.settings import HttpSettings
from schemas.frame import encode_frame
from tests.gateway.clients import SWITCHED, UPGRADE, TcpClient, WsClient, websocket_frame
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.http_servers import ask, ask_raw
from tests.gateway.vectors import VECTORS

BEAT = encode_frame(2, sequence=5)


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, {"head_bytes": 2000}, http_port=0) as running:
        yield running


def upgrade(without: str = "", **headers: str) -> bytes:
    """Return an upgrade request with other headers."""
    lines = UPGRADE.decode().removesuffix("\r\n\r\n").split("\r\n")
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kept = [
        line for line in lines if line.partition(":")[0].lower() not in {*names, without.lower()}
    ]
    kept += [f"{name}: {value}" for name, value in names.items()]
    return ("\r\n".join(kept) + "\r\n\r\n").encode("latin-1")


async def raw(harness: Harness, *pieces: bytes) -> TcpClient:
    """Send these bytes to the HTTP port, each in a segment of its own."""
    client = await harness.keep(await TcpClient.connect(harness.ws_port), {})
    for piece in pieces:
        client.write(piece)
        await client.writer.drain()
        await asyncio.sleep(0)
    return client


async def switched(client: TcpClient) -> WsClient:
    assert await client.reader.readexactly(len(SWITCHED)) == SWITCHED
    return WsClient(client.reader, client.writer)


async def test_goims_upgrade_is_answered_to_the_byte(harness: Harness) -> None:
    vector = VECTORS["V57"]
    client = await raw(harness, vector.tcp)
    assert vector.reply_websocket == SWITCHED
    await switched(client)


async def test_a_head_may_come_in_any_pieces(harness: Harness) -> None:
    client = await raw(harness, *(bytes([byte]) for byte in UPGRADE))
    await switched(client)
    places = range(1, len(UPGRADE), 7)
    clients = [await raw(harness, UPGRADE[:place], UPGRADE[place:]) for place in places]
    for one in clients:
        await switched(one)


async def test_frames_may_come_with_the_upgrade_in_one_segment(harness: Harness) -> None:
    auth = websocket_frame(encode_frame(7, b'{"mid":5}'))
    half = websocket_frame(BEAT)
    client = await switched(await raw(harness, UPGRADE + auth + half[:9], half[9:]))
    assert (await client.receive()).operation == 8
    assert (await client.receive()).sequence == 5


@pytest.mark.parametrize("target", ["/sub?x=1", "/sub?"])
async def test_a_query_is_allowed(harness: Harness, target: str) -> None:
    await switched(await raw(harness, UPGRADE.replace(b"/sub", target.encode(), 1)))


@pytest.mark.parametrize("target", ["/", "/sub/", "/subs", "/sub%20", "/x", "http://a/sub"])
async def test_an_upgrade_elsewhere_is_not_found(harness: Harness, target: str) -> None:
    answer = await ask_raw(harness.ws_port, UPGRADE.replace(b"/sub", target.encode(), 1))
    assert answer.status == 404
    assert harness.gateway.counters.refused == {"path": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "UPGRADE"},
        {"Upgrade": "WebSocket"},
        {"Sec_WebSocket_Protocol": "chat"},
        {"Sec_WebSocket_Extensions": "permessage-deflate"},
        {"Cookie": "é=\xff"},
    ],
)
async def test_an_upgrade_is_read_as_laxly_as_goim_does(
    harness: Harness, headers: dict[str, str]
) -> None:
    await switched(await raw(harness, upgrade(**headers)))


@pytest.mark.parametrize(
    ("request_bytes", "status", "words"),
    [
        (upgrade("Connection"), 426, "missing Connection header"),
        (upgrade("Sec-WebSocket-Key"), 400, "missing Sec-WebSocket-Key header"),
        (upgrade(Sec_WebSocket_Key="short"), 400, "invalid Sec-WebSocket-Key header: short"),
        (upgrade(Sec_WebSocket_Key="\xff" * 22 + "=="), 400, "invalid Sec-WebSocket-Key header"),
        (upgrade(Sec_WebSocket_Key="?" * 22 + "=="), 400, "invalid Sec-WebSocket-Key header"),
        (upgrade("Sec-WebSocket-Version"), 400, "missing Sec-WebSocket-Version header"),
        (upgrade(Sec_WebSocket_Version="8"), 400, "invalid Sec-WebSocket-Version header: 8"),
        (UPGRADE.replace(b"GET", b"POST", 1), 405, "POST"),
    ],
)
async def test_a_handshake_that_is_none_is_refused_with_words(
    harness: Harness, request_bytes: bytes, status: int, words: str
) -> None:
    answer = await ask_raw(harness.ws_port, request_bytes)
    assert answer.status == status
    assert words in answer.body
    assert harness.gateway.counters.refused == {"handshake": 1}
    await harness.emptied()


async def test_a_head_that_is_no_http_is_refused(harness: Harness) -> None:
    answer = await ask_raw(harness.ws_port, b"nonsense\r\nUpgrade: websocket\r\n\r\n")
    assert answer.status == 400
    assert harness.gateway.counters.refused == {"bad_request": 1}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example", True),
        ("https://goim.example", True),  # the page that we serve
        ("http://goim.example", True),
        ("https://app.example.evil", False),
        ("https://evil.example", False),
        ("http://app.example", False),
        ("null", False),
        ("", False),
        ("goim.example", False),
    ],
)
async def test_an_origin_must_be_listed_or_our_own(
    nats_url: str, prefix: str, origin: str, allowed: bool
) -> None:
    origins = ("https://app.example",)
    async with running_gateway(nats_url, prefix, origins=origins) as harness:
        client = await raw(harness, upgrade(Origin=origin))
        if allowed:
            await switched(client)
        else:
            assert await client.reader.readline() == b"HTTP/1.1 403 Forbidden\r\n"
            assert harness.gateway.counters.refused == {"origin": 1}


@pytest.mark.parametrize("name", ["Origin", "Host", "Sec-WebSocket-Key", "sec-websocket-version"])
async def test_a_header_that_decides_is_there_once(nats_url: str, prefix: str, name: str) -> None:
    async with running_gateway(nats_url, prefix, origins=("https://app.example",)) as harness:
        head = upgrade(Origin="https://app.example").removesuffix(b"\r\n")
        client = await raw(harness, head + f"{name}: https://evil.example\r\n\r\n".encode())
        assert await client.reader.readline() == b"HTTP/1.1 400 Bad Request\r\n"
        assert harness.gateway.counters.refused == {"bad_request": 1}


async def test_no_origin_is_no_browser_and_a_star_allows_all(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix) as harness:
        await switched(await raw(harness, UPGRADE))
        null = upgrade("Host", Origin="null")
        assert (await ask_raw(harness.ws_port, null)).status == 403
    async with running_gateway(nats_url, prefix, origins=("*",)) as harness:
        await switched(await raw(harness, upgrade(Origin="https://any.example")))


@pytest.mark.parametrize("sent", [b"", b"GET /sub HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_come_is_timed_out(
    nats_url: str, prefix: str, sent: bytes
) -> None:
    async with running_gateway(nats_url, prefix, {"upgrade_seconds": 0.01}) as harness:
        answer = await ask_raw(harness.ws_port, sent)
        assert answer.status == 408
        assert harness.gateway.counters.refused == {"upgrade_seconds": 1}
        await harness.emptied()


async def test_a_head_has_a_size(harness: Harness) -> None:
    for filler in (b"X: " + b"y" * 2500, b"X: y\r\n" * 500):
        answer = await ask_raw(harness.ws_port, b"GET /sub HTTP/1.1\r\n" + filler)
        assert answer.status == 431
    assert harness.gateway.counters.refused == {"head_bytes": 2}
    whole = upgrade(X_Long="y" * 2500)
    assert (await ask_raw(harness.ws_port, whole)).status == 431
    await switched(await raw(harness, upgrade(X_Long="y" * 1700)))


async def test_goim_frames_on_the_http_port_are_counted_and_seldom_logged(
    harness: Harness,
) -> None:
    with structlog.testing.capture_logs() as events:
        for sent in (encode_frame(7, b'{"mid":5}'), b"\x16\x03\x01\x02\x00"):
            client = await raw(harness, sent)
            assert await client.reader.read() == b""
    rule = "goim_frames_or_tls_on_http_port"
    assert harness.gateway.counters.refused == {rule: 2}
    told = [event for event in events if event["event"] == "wrong_transport"]
    assert [event["rule"] for event in told] == [rule]
    await harness.emptied()


async def test_connections_that_ask_nothing_keep_nobody_out(nats_url: str, prefix: str) -> None:
    http = HttpSettings(max_connections=20)
    async with running_gateway(nats_url, prefix, http=http) as harness:
        idle: list[TcpClient] = []
        for _ in range(60):
            idle.append(await raw(harness, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
            assert await idle[-1].reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert harness.gateway.counters.refused["idle_http_connections"] >= 40
        newest = idle[-1]
        await newest.reader.readuntil(b"\r\n\r\nok")
        newest.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await newest.reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert b"503" not in await idle[0].reader.read()


async def test_a_burst_is_answered_while_idle_connections_hold_the_places(
    nats_url: str, prefix: str
) -> None:
    health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with running_gateway(nats_url, prefix, http=HttpSettings(max_connections=20)) as harness:
        idle = [await raw(harness, health) for _ in range(18)]
        for one in idle:
            await one.reader.readuntil(b"\r\n\r\nok")
        burst = [await raw(harness) for _ in range(12)]
        await harness.is_true(lambda: harness.gateway.hub.sockets == len(burst))
        for one in burst:  # nothing is awaited: the gateway finds all of them in one turn
            one.write(health)
        for one in burst:
            assert await one.reader.readline() == b"HTTP/1.1 200 OK\r\n"
        for one in idle[:6]:
            assert await one.reader.read() == b""


@pytest.mark.parametrize("after", ["keep-alive", "close"])
async def test_connections_that_leave_their_answers_unread_keep_nobody_out(
    nats_url: str, prefix: str, after: str
) -> None:
    request = f"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: {after}\r\n\r\n"
    limits = {"send_buffer_bytes": 4096}
    http = HttpSettings(max_connections=20)
    async with running_gateway(nats_url, prefix, limits, http=http) as harness:
        whole = await ask(harness.ws_port, "GET", "/openapi.json")
        deaf = [deaf_socket(harness.ws_port) for _ in range(40)]
        for one in deaf:
            one.sendall(request.encode())
            assert (await ask(harness.ws_port, "GET", "/healthz")).status == 200
        reader, writer = await asyncio.open_connection(sock=deaf[0])
        assert len(await reader.read()) < len(whole.body)  # it was ended as it was
        writer.close()
        for one in deaf[1:]:
            one.close()


def deaf_socket(port: int) -> socket.socket:
    """Connect with a window that holds next to nothing of an answer."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    one.connect(("127.0.0.1", port))
    return one


async def test_a_few_requests_may_wait_and_many_end_the_connection(harness: Harness) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    client = await raw(harness, ask * 10)
    for _ in range(10):
        assert await client.reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await client.reader.readuntil(b"\r\n\r\nok")
    with suppress(ConnectionResetError):  # what it sent is not even read
        client = await raw(harness, ask * 5000)
        assert (await client.reader.read()).count(b"200 OK") < 300
    assert harness.gateway.counters.refused == {"pipelined_requests": 1}


async def test_http_goes_on_to_the_app(harness: Harness) -> None:
    answer = await ask(harness.ws_port, "GET", "/healthz")
    assert answer.status == 200
    trusted = harness.server.ports[-1]
    answer = await ask(trusted, "GET", "/goim/online/room?type=live&rooms=1")
    assert "nobody answers on" in answer.body  # in this test; the route was found
    answer = await ask(harness.ws_port, "GET", "/goim/online/room?type=live&rooms=1")
    assert answer.status == 401


async def test_http_connections_are_kept_and_bodies_go_through(harness: Harness) -> None:
    body = b"x" * 5000
    post = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
    health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    client = await raw(harness, post[:20], post[20:] + body[:3000], body[3000:], health)
    first = await client.reader.readuntil(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 404")
    await client.reader.readuntil(b"HTTP/1.1 200 OK\r\n")
    client.write(health)
    await client.reader.readuntil(b"HTTP/1.1 200 OK\r\n")
    assert harness.gateway.hub.sockets == 0  # HTTP has limits of its own


async def test_http_is_answered_where_there_is_no_place_for_clients(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, {"connections": 1}) as harness:
        first = await harness.ws()
        answer = await ask_raw(harness.ws_port, UPGRADE)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"
        assert harness.gateway.counters.refused == {"connections": 1}
        assert (await ask(harness.ws_port, "GET", "/healthz")).status == 200
        await first.finish()
        await harness.emptied()
        await harness.ws(mid=5)


async def test_http_is_answered_while_draining_and_clients_are_not(harness: Harness) -> None:
    harness.gateway.draining = True
    assert (await ask_raw(harness.ws_port, UPGRADE)).status == 503
    answer = await ask(harness.ws_port, "GET", "/readyz")
    assert answer.status == 503
    assert "shutting down" in answer.body
    assert loads(answer.body)
    assert harness.gateway.counters.refused == {"draining": 1}


async def test_far_too_many_sockets_are_turned_away_unread(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, {"connections": 1}) as harness:
        harness.gateway.hub.sockets += 501
        answer = await ask_raw(harness.ws_port, b"")
        assert answer.status == 503
        harness.gateway.hub.sockets -= 501
        await harness.emptied()


async def test_behind_a_listed_proxy_limits_are_of_the_clients_address(
    nats_url: str, prefix: str
) -> None:
    proxies = Proxies.read(("127.0.0.1",))
    async with running_gateway(
        nats_url, prefix, {"connections_per_address": 1}, proxies=proxies
    ) as harness:
        one, other = upgrade(X_Forwarded_For="198.51.100.7"), upgrade(X_Forwarded_For="::2")
        first = await switched(await raw(harness, one))
        await switched(await raw(harness, other))
        refused = await raw(harness, one)
        assert (await refused.reader.readline()).startswith(b"HTTP/1.1 503 ")
        assert harness.gateway.counters.refused["connections_per_address"] == 1
        addresses = harness.gateway.hub.addresses
        assert (addresses["198.51.100.7"], addresses["::2"]) == (1, 1)
        first.writer.close()
        while addresses["198.51.100.7"]:  # noqa: ASYNC110 - until the gateway has seen it
            await asyncio.sleep(0)
        await switched(await raw(harness, one))
