import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import monitoring
from bus.connection import Bus
from bus.errors import SettingsRefused
from bus.metrics import Metrics
from bus.monitoring import MAX_CONNECTIONS, MAX_HEAD_BYTES, MonitoringListener, monitored
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS, Connect
from tests.bus.servers import NatsServer, free_port


class Health:
    """Problems that a test sets."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __call__(self) -> list[str]:
        return self.problems


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def listener(
    health: Health, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MonitoringListener]:
    monkeypatch.setattr(monitoring, "REQUEST_SECONDS", PATIENT_SECONDS)
    listener = await MonitoringListener(Metrics(), health).open("127.0.0.1", 0)
    yield listener
    await listener.close()


async def send(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def get(port: int, path: str) -> tuple[int, str]:
    answer = await send(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in head
    return int(head.split(b" ")[1]), body.decode()


async def test_health_is_ok_until_something_is_wrong(
    listener: MonitoringListener, health: Health
) -> None:
    assert await get(listener.port, "/healthz") == (200, "ok\n")
    health.problems = ["NATS is away", "the disk is full"]
    assert await get(listener.port, "/healthz?verbose") == (503, "NATS is away\nthe disk is full\n")


async def test_metrics_are_rendered(listener: MonitoringListener) -> None:
    status, text = await get(listener.port, "/metrics")
    assert status == 200
    assert 'goim_monitoring_refused_total{reason="too many"} 0.0' in text


async def test_a_head_request_has_no_body(listener: MonitoringListener) -> None:
    answer = await send(listener.port, b"HEAD /healthz HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 3\r\n" in answer


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"\r\n\r\n", 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /healthz SIP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * (MAX_HEAD_BYTES + 1), 431),
    ],
)
async def test_anything_else_is_refused(
    listener: MonitoringListener, request_bytes: bytes, status: int
) -> None:
    answer = await send(listener.port, request_bytes)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert await get(listener.port, "/healthz") == (200, "ok\n")


@given(head=st.binary(max_size=80))
def test_any_bytes_are_answered(head: bytes) -> None:
    answer = MonitoringListener(Metrics(), list).answer(head)
    assert answer.startswith(b"HTTP/1.1 ")


async def test_one_who_says_nothing_or_leaves_is_let_go(
    listener: MonitoringListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, leaves = await asyncio.open_connection("127.0.0.1", listener.port)
    leaves.write(b"GET /heal")
    leaves.close()
    await leaves.wait_closed()
    with monkeypatch.context() as impatient, contextlib.suppress(ConnectionError):
        impatient.setattr(monitoring, "REQUEST_SECONDS", 0.01)
        assert await send(listener.port, b"GET /metr") == b""
    assert (await get(listener.port, "/healthz"))[0] == 200
    assert listener.failures == 2


async def test_more_connections_than_the_limit_are_dropped(listener: MonitoringListener) -> None:
    held = [
        await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(MAX_CONNECTIONS)
    ]
    with contextlib.suppress(ConnectionError):
        assert await send(listener.port, b"GET /healthz HTTP/1.1\r\n\r\n") == b""
    assert listener.refused == 1
    for _, writer in held:
        writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
    for reader, writer in held:
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
    assert (await get(listener.port, "/healthz"))[0] == 200


async def test_a_service_is_monitored_where_a_port_is_set(
    server: NatsServer, settings: BusSettings, connect: Connect
) -> None:
    port = free_port()
    bus = await connect(replace(settings, nats_url=server.url, metrics_port=port))
    async with monitored(bus, Metrics(), list) as listener:
        assert listener is not None
        assert await get(port, "/healthz") == (200, "ok\n")
        text = (await get(port, "/metrics"))[1]
        assert "goim_nats_connected 1.0" in text
        assert 'goim_nats_dropped_total{reason="overloaded"} 0.0' in text
        gone = asyncio.Event()
        bus.subscribe("silent", lambda *message: None)
        bus.request("silent", b"", lambda reply: gone.set(), seconds=30)
        server.kill()
        await gone.wait()
        assert await get(port, "/healthz") == (503, "NATS is away\n")
        assert "goim_nats_connected 0.0" in (await get(port, "/metrics"))[1]
    with pytest.raises(ConnectionRefusedError):
        await send(port, b"")


async def test_no_port_no_listener(bus: Bus) -> None:
    async with monitored(bus, Metrics()) as listener:
        assert listener is None


async def test_a_port_that_is_taken_is_refused_with_its_variable(
    listener: MonitoringListener, settings: BusSettings, connect: Connect
) -> None:
    bus = await connect(replace(settings, metrics_port=listener.port))
    with pytest.raises(SettingsRefused, match="GOIM_METRICS_PORT"):
        async with monitored(bus, Metrics()):
            pass
