"""What the kernel says of a socket, and what it is told."""

import asyncio
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

import pytest
import pytest_asyncio

from gateway.kernel import all_acknowledged, listen


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """The server's transport and the client's socket of one connection."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(cast(asyncio.Transport, transport))

    listener = listen("127.0.0.1", 0, 65_536)
    server = await loop.create_server(Accepting, sock=listener)
    client = socket.create_connection(listener.getsockname())
    client.setblocking(False)
    transport = await made
    yield transport, client
    transport.abort()
    client.close()
    server.close()


async def test_what_the_peers_kernel_has_is_acknowledged(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, client = pair
    assert all_acknowledged(transport)
    transport.write(b"hello")
    assert await asyncio.get_running_loop().sock_recv(client, 10) == b"hello"
    assert all_acknowledged(transport)


async def test_what_waits_is_not_acknowledged(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, client = pair
    transport.write(b"x" * 8_000_000)
    await asyncio.sleep(0)
    assert not all_acknowledged(transport)
    left = 8_000_000
    while left:
        left -= len(await asyncio.get_running_loop().sock_recv(client, 1 << 20))
    assert all_acknowledged(transport)


async def test_a_socket_that_is_gone_has_acknowledged_nothing(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, _ = pair
    transport.abort()
    while transport.get_extra_info("socket").fileno() >= 0:  # noqa: ASYNC110 - it goes by itself
        await asyncio.sleep(0)
    assert not all_acknowledged(transport)


def write_without_end(descriptor: int) -> None:
    """Write until the kernel says why not."""
    while True:
        os.write(descriptor, b"a message")


async def test_after_a_reset_nothing_is_certain_though_nothing_waits(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, client = pair
    client.send(b"its last frame, not read yet")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with pytest.raises(OSError, match="reset"):
        write_without_end(transport.get_extra_info("socket").fileno())
    assert not all_acknowledged(transport)


async def test_after_both_ends_what_was_written_before_is_acknowledged(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, client = pair
    loop = asyncio.get_running_loop()
    transport.write(b"the last message")
    transport.pause_reading()
    transport.write_eof()
    assert await loop.sock_recv(client, 100) == b"the last message"
    assert await loop.sock_recv(client, 100) == b""
    client.close()
    assert all_acknowledged(transport, ended=True)


async def test_our_end_is_no_byte_that_has_to_be_acknowledged(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, client = pair
    transport.write(b"the last message")
    assert await asyncio.get_running_loop().sock_recv(client, 100) == b"the last message"
    if sys.platform == "linux":  # it acknowledges the end late, as it may
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    transport.write_eof()
    assert all_acknowledged(transport)


async def test_behind_our_end_too_what_waits_is_not_acknowledged(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    transport, client = pair
    peer = transport.get_extra_info("socket")
    with suppress(BlockingIOError):
        while True:
            os.write(peer.fileno(), b"x" * 65_536)
    transport.write_eof()
    assert not all_acknowledged(transport)
    while await asyncio.get_running_loop().sock_recv(client, 1 << 20):
        pass
    assert all_acknowledged(transport)


async def test_accepted_sockets_have_what_the_listener_was_told(
    pair: tuple[asyncio.Transport, socket.socket],
) -> None:
    peer = pair[0].get_extra_info("socket")
    assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    if sys.platform == "linux":
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 131_072  # doubled there
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_workers_share_a_port() -> None:
    first = listen("127.0.0.1", 0, 65_536)
    port = first.getsockname()[1]
    second = listen("127.0.0.1", port, 5000)
    assert second.getsockname()[1] == port
    first.close()
    second.close()


def test_ipv6_can_be_listened_on() -> None:
    listener = listen("::1", 0, 5000)
    assert listener.family == socket.AF_INET6
    listener.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - its words are the system's
        listen(host, 0, 5000)
