"""Several processes on one port: all serve, the dead are replaced, none outlives its parent."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bus.connection import Bus
from bus.settings import BusSettings
from tests.bus.servers import free_port
from tests.gateway.clients import TcpClient, WsClient
from tests.gateway.responders import Responders

LISTENS = re.compile(rb"gateway_listens.*gateway=\S*?-(\d+)-[0-9a-f]+")


@dataclass
class Running:
    """`python -m gateway` with two workers."""

    process: asyncio.subprocess.Process
    responders: Responders
    ws_port: int
    tcp_port: int
    seen: list[bytes] = field(default_factory=list)

    async def listening(self, count: int) -> list[int]:
        """Wait until so many workers have said that they listen; return their process ids."""
        found: list[int] = []
        while len(found) < count:
            line = await self.line()
            if told := LISTENS.search(line):
                found.append(int(told[1]))
        return found

    async def line(self) -> bytes:
        """Return the next line of the log, of the parent and its workers."""
        assert self.process.stderr is not None
        line = await self.process.stderr.readline()
        self.seen.append(line)
        assert line, b"".join(self.seen).decode()
        return line

    async def gateways(self, times: int) -> set[str]:
        """Log in so often and return which gateways have asked who that is."""
        for number in range(times):
            make = WsClient if number % 2 else TcpClient
            client = await make.connect(self.ws_port if number % 2 else self.tcp_port)
            await client.auth(mid=number + 1)
            client.writer.close()
        requests = self.responders.auth.requests
        found = {request["gateway"] for request in requests}
        requests.clear()
        return found


@asynccontextmanager
async def running(nats_url: str, prefix: str, **variables: str) -> AsyncIterator[Running]:
    bus = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "test")
    responders = Responders(bus)
    responders.start()
    await bus.flush()
    ws_port, tcp_port = free_port(), free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "NATS_URL": nats_url,
        "GOIM_SUBJECT_PREFIX": prefix,
        "PORT": str(ws_port),
        "GOIM_TCP_PORT": str(tcp_port),
        "GOIM_HOST": "127.0.0.1",
        "GOIM_DRAIN_SECONDS": "0.2",
        "WEB_CONCURRENCY": "2",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"),
        env=environ | variables,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Running(process, responders, ws_port, tcp_port)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        await bus.drain()


async def test_two_workers_serve_one_port_and_a_dead_one_is_replaced(
    nats_url: str, prefix: str
) -> None:
    async with running(nats_url, prefix) as gateway:
        first, second = await gateway.listening(2)
        assert len(await gateway.gateways(40)) == 2
        os.kill(first, signal.SIGKILL)
        while b"worker_ended" not in (line := await gateway.line()):
            pass
        assert b"-9" in line
        (third,) = await gateway.listening(1)
        assert third not in (first, second)
        assert len(await gateway.gateways(40)) == 2
        gateway.process.terminate()
        assert await gateway.process.wait() == 0
        for worker in (second, third):
            with pytest.raises(ProcessLookupError):
                os.kill(worker, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a process to its parent")
async def test_workers_end_with_their_parent(nats_url: str, prefix: str) -> None:
    async with running(nats_url, prefix) as gateway:
        await gateway.listening(2)
        gateway.process.kill()
        await gateway.process.wait()
        assert gateway.process.stderr is not None
        log = await gateway.process.stderr.read()  # it ends when the last worker does
        assert log.count(b"gateway_drains") == 2


async def test_settings_that_cant_be_used_start_no_worker(nats_url: str, prefix: str) -> None:
    async with running(nats_url, prefix, GOIM_MAX_CONNECTIONS="none") as gateway:
        assert await gateway.process.wait() == 2
        line = await gateway.line()
        assert line == b"setting refused: GOIM_MAX_CONNECTIONS must be a number, not 'none'\n"


async def test_a_port_that_cant_be_had_is_told_in_words(nats_url: str, prefix: str) -> None:
    variables = {"WEB_CONCURRENCY": "1", "GOIM_HOST": "192.0.2.1"}
    async with running(nats_url, prefix, **variables) as gateway:
        assert await gateway.process.wait() == 2
        while b"setting refused: can't listen on 192.0.2.1" not in await gateway.line():
            pass
