"""EDGE a whole Goimbus of the benchmark's own, as `goimbus up` runs it, with its limits lifted."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import goimbus
from bench.cores import Cores
from bench.errors import PartFailed
from bench.ports import free_ports
from bench.processes import children, pin
from bench.target import Target
from goimbus.bound_to_parent import bound_to_parent
from goimbus.embedded import find_nats_server, nats_server, running

CHECKOUT = Path(goimbus.__path__[0]).parent
START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.05
SHOWN_BYTES = 4000  # of the log, when it fails
UNLIMITED = str(2**31 - 1)
NAME = "goimbus"
# Every limit that a benchmark would meet before the machine's.
LIFTED = {
    "GOIM_AUTH": "open",
    "GOIM_LOG_LEVEL": "warning",
    "GOIM_MAX_CONNECTIONS": "1000000",
    "GOIM_MAX_CONNECTIONS_PER_ADDRESS": "1000000",
    "GOIM_MAX_FRAMES_PER_SECOND": UNLIMITED,
    "GOIM_MAX_FRAMES_BURST": UNLIMITED,
    "GOIM_DRAIN_SECONDS": "1",
}
ROOM_TYPE = "bench"
POLICY = {"open": True, "send": "anyone", "send_per_second": 0, "room_per_second": 0}
SYNC_ALWAYS, SYNC_RELAXED = "sync_interval: always", 'sync_interval: "2m"'
ERROR_MARKS = ("[error ", "[ERR]", "Traceback", "starts again in")
PART_MARKS = {"nats-server": "nats", "valkey-server": "valkey"}


@contextmanager
def running_system(
    folder: Path, cores: Cores, variables: Mapping[str, str], *, synced: bool = True
) -> Iterator[Target]:
    """Run a system in `folder` for the length of the block. Raises PartFailed.

    The caller's own process must be on `cores.others`: all but the gateway inherits that. With
    `synced` false, nats-server does not wait for the disk.
    """
    port, tcp_port, http_port, nats_port = free_ports(4)
    policies = folder / "policies.json"
    policies.write_text(json.dumps({ROOM_TYPE: POLICY}))
    environ = {
        **{name: text for name, text in variables.items() if not name.startswith("GOIM_")},
        **LIFTED,
        "PORT": str(port),
        "GOIM_HOST": "127.0.0.1",
        "GOIM_TCP_PORT": str(tcp_port),
        "GOIM_HTTP_PORT": str(http_port),
        "GOIM_NATS_PORT": str(nats_port),
        "GOIM_DATA_DIR": str(folder / "data"),
        "GOIM_POLICIES": str(policies),
    }
    for name in ("NATS_URL", "REDIS_URL", "WEB_CONCURRENCY"):
        environ.pop(name, None)
    with ExitStack() as stack:
        nats_id: dict[str, int] = {}
        if not synced:
            before = set(children(os.getpid()))
            environ["NATS_URL"] = stack.enter_context(_relaxed_nats(folder, nats_port))
            (nats_id["nats"],) = set(children(os.getpid())) - before
        supervisor = stack.enter_context(_supervisor(folder / "log", environ))
        _wait_until_ready(supervisor, port, folder / "log")
        processes = {**_parts(supervisor.pid), **nats_id}
        pin(processes["gateway"], cores.server)
        yield Target(
            NAME,
            {"ws": port, "tcp": tcp_port},
            nats_port,
            processes,
            "gateway",
            http_port=http_port,
        )


def errors_logged(folder: Path) -> list[str]:
    """Return the lines by which a system told of its own faults."""
    lines = (folder / "log").read_text(errors="replace").splitlines()
    return [line for line in lines if any(mark in line for mark in ERROR_MARKS)]


@contextmanager
def _relaxed_nats(folder: Path, port: int) -> Iterator[str]:
    data = folder / "relaxed"
    data.mkdir()
    server = nats_server(find_nats_server(os.environ), data, port, "goim")
    config = Path(server.command[-1])
    text = config.read_text()
    assert SYNC_ALWAYS in text
    config.write_text(text.replace(SYNC_ALWAYS, SYNC_RELAXED))
    with running(server) as url:
        yield url


@contextmanager
def _supervisor(log: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            bound_to_parent((sys.executable, "-m", "goimbus", "up")),
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
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise PartFailed("goimbus up", log.read_text(errors="replace")[-SHOWN_BYTES:])
        time.sleep(LOOK_SECONDS)


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _parts(supervisor_id: int) -> dict[str, int]:
    """Return the process ids of the parts: gateway, auth, router, store, nats, valkey."""
    parts = {}
    for process_id, words in children(supervisor_id).items():
        name = PART_MARKS.get(Path(words[0].partition(" ")[0]).name)  # Valkey rewrites its own
        if name is None and "-m" in words:
            name = words[words.index("-m") + 1]
        if name is not None:
            parts[name] = process_id
    return parts
