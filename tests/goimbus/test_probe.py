import asyncio
import socket

import pytest

from bench.ports import free_ports
from goimbus.errors import PortTaken
from goimbus.probe import check_port_is_free, http_get


def test_a_port_with_a_listener_is_taken_and_free_again_later() -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(PortTaken, match=f"PORT: can't listen on port {port}"):
            check_port_is_free("PORT", "127.0.0.1", port)
        with pytest.raises(PortTaken):
            check_port_is_free("PORT", "0.0.0.0", port)
    check_port_is_free("PORT", "127.0.0.1", port)


def test_a_host_that_is_not_this_machines_is_told() -> None:
    with pytest.raises(PortTaken, match="GOIM_HTTP_PORT"):
        check_port_is_free("GOIM_HTTP_PORT", "192.0.2.1", 3111)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nfine", (200, "fine")),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\nno \xff", (503, "no \ufffd")),
        (b"-ERR what?\r\n", None),
        (b"", None),
        (b"HTTP/1.1\r\n\r\n", None),
    ],
)
async def test_http_get_reads_status_and_body(
    answer: bytes, expected: tuple[int, str] | None
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        if expected is None:
            with pytest.raises(ValueError, match=r"no HTTP"):
                await http_get(port, "/readyz")
        else:
            assert await http_get(port, "/readyz") == expected


async def test_http_get_where_nothing_listens_is_an_os_error() -> None:
    (port,) = free_ports(1)
    with pytest.raises(OSError, match="Connect"):
        await http_get(port, "/")
