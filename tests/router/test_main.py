"""The router as a process."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from bus.connection import Bus
from schemas.messages_pb2 import PushReply, PushRequest
from tests.bus.servers import free_port
from tests.router.streams import read_stream


async def run(checkout: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Run `python -m router` to its end; return its status and what it printed."""
    process = await start(checkout, *words, **variables)
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def start(checkout: Path, *words: str, **variables: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "router", *words),
        cwd=checkout,
        env={"PATH": os.environ["PATH"]} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def scrape(port: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_check_reads_the_settings_and_ends(checkout: Path) -> None:
    assert await run(checkout, "--check") == (0, "settings are fine\n")


async def test_settings_that_can_not_be_used_end_it_with_words(checkout: Path) -> None:
    status, output = await run(checkout, REDIS_URL="x", GOIM_LEASE_SECONDS="x")
    assert status == 2
    assert "setting refused: REDIS_URL must begin with" in output
    assert "setting refused: GOIM_LEASE_SECONDS must be a number" in output


@pytest.fixture
def ended() -> Iterator[ExitStack]:
    """What is to be ended whatever becomes of the test."""
    with ExitStack() as stack:
        yield stack


async def test_it_serves_until_sigterm_and_then_ends_cleanly(
    checkout: Path,
    bus: Bus,
    streams: None,
    nats_url: str,
    redis_url: str,
    prefix: str,
    ended: ExitStack,
) -> None:
    port = str(free_port())
    variables = {"NATS_URL": nats_url, "REDIS_URL": redis_url, "GOIM_SUBJECT_PREFIX": prefix}
    process = await start(checkout, GOIM_METRICS_PORT=port, **variables)
    ended.callback(kill, process)
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "router_started" not in lines[-1]:
        lines.append((await process.stdout.readline()).decode())
        assert lines[-1]
    push = PushRequest(operation=1000, type="live", room="1", body=b"x")
    subject = bus.subjects.rpc("pushes", "room")
    reply = await bus.call(subject, push.SerializeToString())
    assert list(PushReply.FromString(reply.payload).sequences) == [1]
    assert b"goim_router_stored_total 1.0" in await scrape(port)
    process.send_signal(signal.SIGTERM)
    output, _ = await process.communicate()
    assert process.returncode == 0, lines
    assert b"router_stopped" in output
    assert len(await read_stream(bus, "ROOM")) == 1
