"""The listeners of a worker, its readiness, and its drain."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from json import loads
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bus.errors import SettingsRefused
from bus.metrics import Metrics
from gateway.server import Readiness, Server, first_of, make_gateway_id
from gateway.settings import Settings
from schemas.close_codes import CloseCode
from schemas.operations import Operation
from tests.gateway.certificates import NAME, write_certificate
from tests.gateway.clients import CLOSE, Client, Closed, TcpClient, WsClient, websocket_frame
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.http_servers import ask
from tests.until import until_told


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


@pytest_asyncio.fixture
async def secure(
    nats_url: str, prefix: str, tmp_path: Path
) -> AsyncIterator[tuple[Harness, ssl.SSLContext]]:
    """A gateway with TLS ports, and what a client needs to trust it."""
    certificate, key = write_certificate(tmp_path)
    async with running_gateway(nats_url, prefix, **tls_settings(certificate, key)) as running:
        yield running, ssl.create_default_context(cafile=str(certificate))


def tls_settings(certificate: Path, key: Path) -> dict[str, Any]:
    files = {"tls_certificate": str(certificate), "tls_key": str(key)}
    return {"wss_port": 0, "tls_tcp_port": 0, **files}


async def test_tls_carries_the_same_protocol(secure: tuple[Harness, ssl.SSLContext]) -> None:
    harness, trust = secure
    _, wss, _, tls = harness.server.ports
    clients: list[TcpClient] = [
        await harness.keep(await WsClient.connect(wss, trust), {}),
        await harness.keep(await TcpClient.connect(tls, trust), {}),
    ]
    for client in clients:
        await client.auth(mid=5, room_id="live://1", accepts=[1000])
    await harness.settled()
    big = b"x" * 300_000
    for body in (b"small", big, b"last"):
        harness.store.publish("room.live.1", body)
    for client in clients:
        assert await client.bodies(3) == [b"small", big, b"last"]
        assert (await client.ask(2)).operation == 3
    assert all(one.descriptor < 0 for one in harness.gateway.hub.connections.values())


PHONE = (5, "phone", "member.5")  # whose position in what


async def phone(secure: tuple[Harness, ssl.SSLContext]) -> tuple[Harness, WsClient]:
    """Log a member's phone in by WebSocket over TLS."""
    harness, trust = secure
    client = await harness.keep(await WsClient.connect(harness.server.ports[1], trust), {})
    await client.auth(mid=5, key="phone", accepts=[1000])
    await harness.settled()
    return harness, client


async def test_a_tls_client_that_closes_has_got_what_it_read(
    secure: tuple[Harness, ssl.SSLContext],
) -> None:
    harness, client = await phone(secure)
    sequence = harness.store.publish("member.5", b"x")
    assert await client.bodies(1) == [b"x"]
    await client.say_goodbye()
    await harness.is_true(lambda: harness.store.positions.get(PHONE) == sequence)
    await harness.emptied()


async def test_a_websocket_client_on_tls_that_is_closed_here_has_got_what_it_read(
    secure: tuple[Harness, ssl.SSLContext],
) -> None:
    harness, client = await phone(secure)
    (connection,) = harness.gateway.hub.connections.values()
    sequence = harness.store.publish("member.5", b"x")
    await harness.delivered()
    connection.close(CloseCode.GOING_AWAY)
    assert await client.closed(hang_up=False) == Closed(1001, "the gateway is shutting down")
    client.write(websocket_frame((1001).to_bytes(2, "big"), CLOSE))
    await harness.is_true(lambda: harness.store.positions.get(PHONE) == sequence)
    await harness.emptied()


async def test_a_tls_client_is_told_why_it_is_closed(
    secure: tuple[Harness, ssl.SSLContext],
) -> None:
    harness, trust = secure
    harness.auth.answer = b'{"error":{"code":4001,"message":"no"}}'
    client = await harness.keep(await WsClient.connect(harness.server.ports[1], trust), {})
    client.send(7, b"{}")
    assert await client.closed() == Closed(4001, "no")
    await harness.emptied()


async def test_http_is_served_over_tls(secure: tuple[Harness, ssl.SSLContext]) -> None:
    harness, trust = secure
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", harness.server.ports[1], ssl=trust, server_hostname=NAME
    )
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def test_tls_1_2_is_taken(secure: tuple[Harness, ssl.SSLContext]) -> None:
    harness, trust = secure
    trust.minimum_version = trust.maximum_version = ssl.TLSVersion.TLSv1_2
    client = await harness.keep(await TcpClient.connect(harness.server.ports[3], trust), {})
    assert (await client.auth(mid=5)).operation == 8


async def test_a_tls_handshake_that_does_not_come_is_cut_off(
    nats_url: str, prefix: str, tmp_path: Path
) -> None:
    settings = tls_settings(*write_certificate(tmp_path))
    async with running_gateway(nats_url, prefix, {"upgrade_seconds": 0.3}, **settings) as harness:
        for port in (harness.server.ports[1], harness.server.ports[3]):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x16\x03\x01")
            assert await reader.read() == b""
            writer.close()


async def test_a_port_that_is_taken_is_told(harness: Harness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = replace(harness.gateway.settings, port=port, tcp_port=-1)
        harness.gateway.settings = settings
        server = Server(harness.gateway, Metrics(), Readiness(harness.gateway))
        with pytest.raises(SettingsRefused, match=f"can't listen on 127.0.0.1 port {port}"):
            await server.open()


async def readiness_of(harness: Harness) -> tuple[int, list[str]]:
    answer = await ask(harness.ws_port, "GET", "/readyz")
    return answer.status, loads(answer.body)["reasons"] if answer.status != 200 else []


async def becomes(harness: Harness, status: int, reasons: list[str]) -> None:
    """Ask until the probes of the services have come to this."""

    async def has_come() -> bool:
        return await readiness_of(harness) == (status, reasons)

    await until_told(has_come)


async def test_it_is_ready_when_all_services_answer(harness: Harness) -> None:
    await becomes(harness, 200, [])
    harness.gateway.draining = True
    assert await readiness_of(harness) == (503, ["the gateway is shutting down"])


async def test_it_says_who_does_not_answer(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.PROBE_SECONDS", 0.05)
    async with running_gateway(nats_url, prefix, silent_seconds=0.2) as harness:
        await harness.services["store"].stop()
        await becomes(harness, 503, ["the store service does not answer"])
        readings, expected = harness.readiness.readings, {"auth": 1.0, "router": 1.0, "store": 0.0}
        await harness.is_true(  # a probe of the others may be late meanwhile
            lambda: {name: number for ((name,), number) in readings()[0][4]} == expected
        )


async def test_a_silent_service_keeps_nobody_from_asking_for_the_others(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.PROBE_SECONDS", 0.01)
    async with running_gateway(nats_url, prefix, silent_seconds=60.0) as harness:
        await becomes(harness, 200, [])
        asked: asyncio.Queue[str] = asyncio.Queue()
        await harness.services["auth"].stop()
        for name in ("auth", "router"):
            note = partial(lambda name, *message: asked.put_nowait(name), name)
            harness.bus.subscribe(f"$SRV.PING.{prefix}-{name}", note)
        while await asked.get() != "auth":
            pass
        assert [await asked.get() for _ in range(5)] == ["router"] * 5


async def drained(harness: Harness, clients: list[Client]) -> list[Closed]:
    """Drain while all clients read to their end."""
    closing = [asyncio.ensure_future(client.closed()) for client in clients]
    await harness.server.drain()
    return await asyncio.gather(*closing)


async def test_a_drain_lets_all_go_with_their_positions(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.CLOSE_SECONDS", 20.0)  # with as long a drain: all at once
    async with running_gateway(nats_url, prefix, drain_seconds=20.0) as harness:
        clients: list[Client] = [
            await harness.ws(mid=number, key=f"k{number}", accepts=[1000]) for number in range(1, 6)
        ]
        await harness.settled()
        sequences = {n: harness.store.publish(f"member.{n}", b"x") for n in range(1, 6)}
        for client in clients:
            assert await client.receive()
        end = Closed(1001, "the gateway is shutting down")
        assert await drained(harness, clients) == [end] * len(clients)
        for number, sequence in sequences.items():
            assert harness.store.positions[number, f"k{number}", f"member.{number}"] == sequence
        await harness.emptied()
        assert harness.gateway.counters.closed == {1001: 5}
        await harness.is_true(lambda: harness.presence.reports[-1].leaving)


async def test_ext_clients_are_told_to_come_back_one_after_the_other(harness: Harness) -> None:
    clients = [await harness.tcp(mid=number, ext=1) for number in range(1, 11)]
    await harness.settled()

    async def notice(client: TcpClient) -> Any:
        while (frame := await client.receive()).operation != Operation.CLOSING:
            pass
        await client.closed()
        return loads(frame.body)

    notices = [asyncio.ensure_future(notice(client)) for client in clients]
    await harness.server.drain()
    told = await asyncio.gather(*notices)
    assert {one["code"] for one in told} == {1001}
    assert {one["retry"] for one in told} == {"now"}
    assert sorted(one["after"] for one in told) == [number / 10 for number in range(10)]


async def test_newcomers_are_turned_away_at_once(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, drain_seconds=1000.0) as harness:
        tcp, ws = await harness.tcp(), await harness.ws()
        door = await harness.keep(await TcpClient.connect(harness.ws_port), {})
        door.write(b"GET /sub")
        await door.writer.drain()
        harness.auth.hangs = True
        asking = await harness.ws()
        asking.send(7, b"{}")
        await harness.is_true(lambda: bool(harness.auth.requests))
        closes = await drained(harness, [tcp, ws, asking])  # long before the time is up
        assert [one.code for one in closes] == [0, 1001, 1001]
        assert (await door.reader.read()).startswith(b"HTTP/1.1 503")
        door.writer.close()


async def test_a_drain_ends_in_time_whatever_clients_do(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.connection.CLOSE_SECONDS", 1000.0)
    limits = {"unsent_bytes": 1000, "send_buffer_bytes": 5000}
    async with running_gateway(nats_url, prefix, limits, drain_seconds=0.3) as harness:
        harness.store.page_messages = 5
        await harness.tcp(mid=5, room_id="live://1")  # neither reads nor closes
        await harness.settled()
        while not harness.gateway.stalled:
            harness.store.publish("room.live.1", b"x" * 100_000)
            await harness.delivered()
        await harness.server.drain()
        assert harness.gateway.hub.sockets == 1  # it was not waited for
        assert not harness.gateway.hub.connections


async def test_nobody_new_comes_in_during_a_drain(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, drain_seconds=1000.0) as harness:
        seated = await harness.ws(mid=5)
        port = harness.tcp_port
        draining = asyncio.ensure_future(harness.server.drain())
        await harness.is_true(lambda: harness.gateway.draining)
        late = await harness.tcp()
        assert await late.closed() == Closed()
        await seated.closed()
        await draining
        with pytest.raises(OSError):  # noqa: PT011 - nobody listens any more
            await TcpClient.connect(port)


def test_an_id_is_one_token_and_never_the_same() -> None:
    settings = Settings(hostname="a.b c*>é" * 10)
    ids = {make_gateway_id(settings) for _ in range(100)}
    assert len(ids) == 100
    for one in ids:
        assert one.isascii()
        assert {".", "*", ">", " ", "="}.isdisjoint(one)


async def test_the_first_to_be_done_ends_the_wait() -> None:
    never = asyncio.Event()
    await first_of(never.wait(), asyncio.sleep(0))
