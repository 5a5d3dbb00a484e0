"""EDGE the private Goimbus of a run: `goimbus up` with two of each service and two gateway workers.

Its processes are those below its supervisor, so nothing is ever killed that is not the run's own.
A service has the name of its part in its environment (CHAOS_PART).
"""

import asyncio
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import goimbus
from bench.ports import free_ports
from bench.processes import children, resident_kilobytes
from chaos.errors import InstanceFailed
from chaos.population import POLICIES
from goimbus.bound_to_parent import bound_to_parent
from goimbus.embedded import valkey_url

CHECKOUT = Path(goimbus.__path__[0]).parent
PART = "CHAOS_PART"
WORKERS = 2
SERVICES = ("auth", "router", "store")
SERVERS = {"nats-server": "nats", "valkey-server": "valkey"}
WORKER_VARIABLE = "GOIM_GATEWAY_WORKER"
SETTINGS = {
    "GOIM_AUTH": "token",
    "GOIM_DRAIN_SECONDS": "3",
    "GOIM_AUDIT_SECONDS": "10",  # a lost last message is found in that time
    "GOIM_HOST": "127.0.0.1",
    "GOIM_LOG_LEVEL": "info",
    "WEB_CONCURRENCY": str(WORKERS),
}
START_SECONDS = 90.0
STOP_SECONDS = 40.0
LOOK_SECONDS = 0.05
SHOWN_BYTES = 4000
ERROR_MARKS = ("[error", "Traceback", "[ERR]", "[FTL]")


@dataclass
class Instance:
    """A running Goimbus and its processes."""

    folder: Path
    supervisor: int
    secret: str
    port: int
    tcp_port: int
    http_port: int
    nats_url: str

    @property
    def log(self) -> Path:
        """What all parts print."""
        return self.folder / "log"

    @property
    def valkey_url(self) -> str:
        """Where Valkey is."""
        return valkey_url(self.folder / "data")

    def processes(self) -> dict[str, int]:
        """Return the ids of all processes by the names of their parts, such as `store-2`."""
        found: dict[str, int] = {}
        for process_id, words in _descendants(self.supervisor):
            with suppress(OSError):
                environ = Path(f"/proc/{process_id}/environ").read_bytes().split(b"\0")
                if name := _part(words, environ):
                    found[name] = process_id
        return found

    def send_signal(self, part: str, number: signal.Signals) -> int:
        """Send a signal to a part's process and return its id, 0 when it is not there."""
        process_id = self.processes().get(part, 0)
        if process_id:
            try:
                os.kill(process_id, number)
            except ProcessLookupError:
                return 0
        return process_id

    def go_on(self) -> None:
        """Let every process run that was stopped."""
        for process_id in self.processes().values():
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGCONT)

    def memory(self) -> dict[str, tuple[int, float]]:
        """Return process id and resident memory, in KiB, of each part."""
        found = {}
        for part, process_id in self.processes().items():
            with suppress(OSError):
                found[part] = process_id, resident_kilobytes(process_id)
        return found

    def is_ready(self) -> bool:
        """Tell whether pushes and logins work."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    async def until_ready(self, seconds: float) -> bool:
        """Wait until all parts are there and it is ready; False when it is not in time."""
        deadline = time.monotonic() + seconds
        expected = 2 * len(SERVICES) + WORKERS + 1 + len(SERVERS)
        while len(self.processes()) < expected or not await asyncio.to_thread(self.is_ready):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    def errors_logged(self) -> list[str]:
        """Return the lines by which the parts told of their own faults."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if any(mark in line for mark in ERROR_MARKS)]


@contextmanager
def running_instance(
    folder: Path,
    variables: Mapping[str, str],
    nats_url: str = "",
    settings: Mapping[str, str] = SETTINGS,
) -> Iterator[Instance]:
    """Run one in `folder` for the length of the block. Raises InstanceFailed.

    With `nats_url` it uses that NATS, else one of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, tcp_port, http_port, nats_port = free_ports(4)
    secret = secrets.token_urlsafe(32)
    (folder / "policies.json").write_text(json.dumps(POLICIES))
    (folder / "Procfile").write_text(_procfile())
    environ = {
        **{name: text for name, text in variables.items() if not name.startswith("GOIM_")},
        **settings,
        "PYTHONPATH": str(CHECKOUT),
        "PORT": str(port),
        "GOIM_TCP_PORT": str(tcp_port),
        "GOIM_HTTP_PORT": str(http_port),
        "GOIM_NATS_PORT": str(nats_port),
        "GOIM_DATA_DIR": str(folder / "data"),
        "GOIM_POLICIES": str(folder / "policies.json"),
        "GOIM_AUTH_SECRET": secret,
    }
    for name in ("NATS_URL", "REDIS_URL"):
        environ.pop(name, None)
    if nats_url:
        environ["NATS_URL"] = nats_url
    with _supervisor(folder, environ) as process:
        url = nats_url or f"nats://127.0.0.1:{nats_port}"
        instance = Instance(folder, process.pid, secret, port, tcp_port, http_port, url)
        _wait_until_ready(instance, process)
        yield instance
        if process.poll() is not None:
            raise InstanceFailed("the supervisor has ended", _tail(instance.log))


@contextmanager
def _supervisor(folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "goimbus", "up", "--procfile", str(folder / "Procfile"))
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            bound_to_parent(command),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=CHECKOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _procfile() -> str:
    lines = [f"web: env {PART}=gateway python -m gateway"]
    for name in SERVICES:
        lines += [f"{name}-{n}: env {PART}={name}-{n} python -m {name}" for n in (1, 2)]
    return "\n".join(lines) + "\n"


def _wait_until_ready(instance: Instance, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not instance.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise InstanceFailed("it did not become ready", _tail(instance.log))
        time.sleep(LOOK_SECONDS)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-SHOWN_BYTES:]


def _descendants(process_id: int) -> Iterator[tuple[int, list[str]]]:
    with suppress(OSError):
        for child, words in children(process_id).items():
            yield child, words
            yield from _descendants(child)


def _part(words: list[str], environ: list[bytes]) -> str:
    """Return the name of the part that a process is, "" when it is none (yet)."""
    if not words:
        return ""
    server = SERVERS.get(Path(words[0].partition(" ")[0]).name)  # Valkey rewrites its own
    if server is not None:
        return server
    variables = dict(one.partition(b"=")[::2] for one in environ)
    part = variables.get(PART.encode(), b"").decode()
    if words[1:2] != ["-m"] or not part:
        return ""
    worker = variables.get(WORKER_VARIABLE.encode())
    return part if worker is None else f"{part}-{int(worker.partition(b'.')[0]) + 1}"
