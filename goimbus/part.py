"""EDGE one process of `goimbus up`: kept running, its output passed on, ended when told."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bus.lifecycle import SETTINGS_REFUSED_STATUS
from goimbus.bound_to_parent import bound_to_parent
from goimbus.embedded import KEPT_LINES, EmbeddedServer
from goimbus.errors import ServerFailed, ServiceRefused
from goimbus.prefixed_output import PrefixedOutput

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 10.0  # of life, after which a death counts as the first again
LONGEST_LINE_BYTES = 65_536


def restart_delay(previous_seconds: float, lived_seconds: float) -> float:
    """Return how long to wait before the next start: 0.2 s, doubling to 10 s."""
    if lived_seconds >= STEADY_SECONDS or not previous_seconds:
        return FIRST_DELAY_SECONDS
    return min(previous_seconds * 2, LONGEST_DELAY_SECONDS)


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What to run, and under which name."""

    name: str
    command: tuple[str, ...]
    folder: Path
    variables: dict[str, str]
    server: EmbeddedServer | None = None  # its start is awaited, and its output shown when it fails
    shows: Callable[[str], bool] = lambda line: True  # which lines of output are passed on


class Part:
    """One process, started again when it ends, until `stop`."""

    def __init__(self, plan: PartPlan, output: PrefixedOutput) -> None:
        self.name = plan.name
        self.url: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # when ready
        self._plan = plan
        self._output = output
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)

    async def keep_running(self) -> None:
        """Run the process again and again; returns after `stop`.

        Raises ServiceRefused at exit status 2, and ServerFailed when a server ends before it was
        ever ready.
        """
        clock = asyncio.get_running_loop().time
        delay = 0.0
        while not self._stopping.is_set():
            began = clock()
            status = await self._run_once()
            if self._stopping.is_set():
                return
            self._refuse_if_hopeless(status)
            lived = clock() - began
            delay = restart_delay(delay, lived)
            self.say(f"{_ending(status)} after {lived:.1f} s, starts again in {delay:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    def stop(self) -> None:
        """Send SIGTERM; the process is not started again."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL; the process is not started again."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    def say(self, words: str) -> None:
        """Write a line under the part's name."""
        self._output.say(self.name, words)

    async def _run_once(self) -> int:
        """Run the process to its end; return its status. Nothing of its group is left."""
        reading, writing = os.pipe()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *bound_to_parent(self._plan.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env=self._plan.variables,
                cwd=self._plan.folder,
                process_group=0,
            )
        finally:
            os.close(writing)
        if self._plan.server is None:
            self.say(f"started as process {process.pid}")
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        passing = asyncio.create_task(self._pass_output(reading))
        status = await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers that outlived their parent
        await passing
        return status

    async def _pass_output(self, reading: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        pipe = os.fdopen(reading, "rb", 0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        rest = b""
        while data := await reader.read(LONGEST_LINE_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LONGEST_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._handle_line(line.decode("utf-8", "replace").rstrip())
        if rest:
            self._handle_line(rest.decode("utf-8", "replace"))
        transport.close()

    def _handle_line(self, line: str) -> None:
        self._last_lines.append(line)
        server = self._plan.server
        if server is not None and (found := server.ready.search(line)):
            url = server.url(found)
            self.say(f"ready at {url}")
            self._last_lines.clear()
            if not self.url.done():
                self.url.set_result(url)
        elif self._plan.shows(line):
            self.say(line)

    def _refuse_if_hopeless(self, status: int) -> None:
        if self._plan.server is None:
            if status == SETTINGS_REFUSED_STATUS:
                raise ServiceRefused(self.name)
            return
        if not self.url.done():
            raise ServerFailed(self.name, list(self._last_lines))
        for line in self._last_lines:
            self.say(line)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"ended by {signal.Signals(-status).name}"
