import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from goimbus import supervisor
from goimbus.part import PartPlan
from goimbus.supervisor import Supervisor
from tests.goimbus.witness import Lines


async def test_it_says_what_it_waits_for_until_everything_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "TELL_SECONDS", 0)
    status = b"503 Service Unavailable"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\nstore is away")
        writer.close()

    lines = Lines()
    command = (sys.executable, "-c", "import signal; signal.pause()")
    plan = PartPlan("store", command, Path.cwd(), dict(os.environ))
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        one = Supervisor(lines, [], lambda urls: [plan], first_to_stop="web", stop_seconds=10)
        running = asyncio.create_task(one.run(port, lambda: "all is well"))
        assert "503 store is away" in await lines.next_with("not ready yet")
        status = b"200 OK"
        await lines.next_with("all is well")
        os.kill(os.getpid(), signal.SIGTERM)
        await running


async def test_it_ends_its_processes_when_it_is_cancelled() -> None:
    lines = Lines()
    command = (sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()")
    plan = PartPlan("store", command, Path.cwd(), dict(os.environ))
    one = Supervisor(lines, [], lambda urls: [plan], first_to_stop="web", stop_seconds=10)
    running = asyncio.create_task(one.run(1, lambda: ""))  # nothing listens on port 1
    started = await lines.next_with("started as process")
    await lines.next_with("here")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.split()[-1]), 0)
