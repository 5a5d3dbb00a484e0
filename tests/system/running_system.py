"""A whole Goimbus as its operator runs it: `goimbus up` in a process of its own, on free ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.ports import free_ports
from goimbus.bound_to_parent import bound_to_parent
from tests.until import until_seen

START_SECONDS = 50.0
STOP_SECONDS = 40.0  # the gateway may take 10 s, the services 10 s, the servers 5 s


@dataclass
class RunningSystem:
    """Where to reach it; `log` is what it has printed."""

    port: int
    tcp_port: int
    http_port: int
    nats_port: int
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def websocket_url(self) -> str:
        """Where goim's WebSocket clients connect."""
        return f"ws://127.0.0.1:{self.port}/sub"

    @property
    def tcp_url(self) -> str:
        """Where goim's TCP clients connect."""
        return f"tcp://127.0.0.1:{self.tcp_port}"

    @property
    def nats_url(self) -> str:
        """Where publishers connect."""
        return f"nats://127.0.0.1:{self.nats_port}"

    @property
    def http_url(self) -> str:
        """The trusted listener with goim's HTTP API."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> str:
        """What all parts have printed."""
        return (self.folder / "log").read_text(errors="replace")

    def ready(self) -> bool:
        """Tell whether pushes and logins work."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Return when it is ready, fail with its log when it isn't in time."""
        deadline = time.monotonic() + seconds

        def ready_in_time() -> bool:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not ready:\n{self.log[-8000:]}")
            return self.ready()

        until_seen(ready_in_time)

    def processes(self, module: str) -> list[int]:
        """Return the process ids of a part, such as `gateway`, `store` or `nats-server`."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                environ = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            folder_name = str(self.folder).encode()
            mine = b"GOIM_TEST_SYSTEM=" + folder_name in environ or any(
                folder_name in word
                for word in words  # servers get no environment of ours
            )
            names = {word.partition(b" ")[0].rpartition(b"/")[2] for word in words}
            if mine and module.encode() in names:
                found.append(int(folder.name))
        return sorted(found)

    def kill(self, module: str) -> int:
        """Kill all processes of a part with -9; return how many."""
        found = self.processes(module)
        for process_id in found:
            with suppress(ProcessLookupError):  # a worker may have ended with its parent
                os.kill(process_id, signal.SIGKILL)
        return len(found)


@contextmanager
def running_system(folder: Path, *options: str, **environment: str) -> Iterator[RunningSystem]:
    """Start it, wait until it is ready, stop it in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port, tcp_port, http_port, nats_port = free_ports(4)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GOIM_")},
        "PORT": str(port),
        "GOIM_TCP_PORT": str(tcp_port),
        "GOIM_HTTP_PORT": str(http_port),
        "GOIM_NATS_PORT": str(nats_port),
        "GOIM_DATA_DIR": str(folder / "data"),
        "GOIM_HOST": "127.0.0.1",
        "GOIM_TEST_SYSTEM": str(folder),
        **environment,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            bound_to_parent((sys.executable, "-m", "goimbus", "up", *options)),
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )
    system = RunningSystem(port, tcp_port, http_port, nats_port, folder, process)
    try:
        system.wait_until_ready()
        yield system
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
