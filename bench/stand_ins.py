"""EDGE processes around the other servers: their binaries, and the Python that stands in for what
they need."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import NotMeasurable, PartFailed
from bench.system import CHECKOUT
from goimbus.bound_to_parent import bound_to_parent

START_SECONDS = 15.0
LOOK_SECONDS = 0.05
SHOWN_BYTES = 2000


@contextmanager
def running_binary(name: str, command: list[str], port: int, log: Path) -> Iterator[int]:
    """Run another server until it listens, for the length of the block; give its process id.

    Raises NotMeasurable when it can't be run, PartFailed when it does not listen.
    """
    if not os.access(command[0], os.X_OK):
        raise NotMeasurable(f"{command[0]} can't be run", f"it must be {name}, built before")
    with log.open("wb") as output:
        process = subprocess.Popen(
            bound_to_parent(tuple(command)),
            env={**os.environ, "GOMAXPROCS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise PartFailed(name, log.read_text(errors="replace")[-SHOWN_BYTES:])
            time.sleep(LOOK_SECONDS)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def running_stand_in(module: str, ports: dict[str, int]) -> Iterator[int]:
    """Run a stand-in until it is ready, for the length of the block; give its process id."""
    process = subprocess.Popen(
        bound_to_parent((sys.executable, "-m", module, json.dumps(ports))),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    assert process.stdout is not None
    with process.stdout as output:
        try:
            if not output.readline():
                raise PartFailed(module, "it ended at its start; see above")
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
