"""`python -m store` as its own process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bus.connection import Bus
from bus.settings import BusSettings
from bus.stream_api import read_stream_state
from tests.bus.servers import free_port
from tests.store.harness import System


@asynccontextmanager
async def running(
    checkout: Path, nats_url: str, prefix: str, *words: str, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    variables = {"NATS_URL": nats_url, "GOIM_SUBJECT_PREFIX": prefix, **more}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "store",
        *words,
        cwd=checkout,
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def get(port: str, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_it_answers_until_sigterm(
    checkout: Path, nats_url: str, prefix: str, system: System
) -> None:
    port = str(free_port())
    async with running(checkout, nats_url, prefix, GOIM_METRICS_PORT=port) as process:
        assert process.stdout is not None
        output = b""
        while b"store_ready" not in output:
            line = await process.stdout.readline()
            assert line, output
            output += line
        sequence = await system.publish("member.7", b"x")
        assert (await system.save(7, "ios", {"member.7": sequence})).saved == 1
        assert await system.last("member.7") == [sequence]
        await system.bus.call(f"$SRV.PING.{prefix}-store", b"")
        assert b"200 OK" in await get(port, "/healthz")
        assert b"goim_store_positions_total" in await get(port, "/metrics")
        process.send_signal(signal.SIGTERM)
        rest, _ = await process.communicate()
    assert process.returncode == 0
    assert b"store_stopped" in rest
    assert b"Traceback" not in output + rest


async def test_migrate_makes_the_streams_and_ends(
    checkout: Path, nats_url: str, prefix: str
) -> None:
    for _ in range(2):
        async with running(checkout, nats_url, prefix, "migrate") as process:
            output, _ = await process.communicate()
        assert (process.returncode, b"streams_are_up_to_date" in output) == (0, True)
    bus = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "test")
    for kind in ("ROOM", "MEMBER", "ALL"):
        assert (await read_stream_state(bus, bus.subjects.stream(kind))).messages == 0
    await bus.drain()


async def test_check_reads_only_the_settings(checkout: Path, prefix: str) -> None:
    async with running(checkout, "nats://127.0.0.1:1", prefix, "--check") as process:
        output, _ = await process.communicate()
    assert (process.returncode, output) == (0, b"settings are fine\n")
    async with running(checkout, "", prefix, "--check", GOIM_REPLICAS="none") as refused:
        output, _ = await refused.communicate()
    assert refused.returncode == 2
    assert b"GOIM_REPLICAS" in output
