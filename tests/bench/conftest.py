"""The load client, compiled once, and servers for it that do what they are told."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load_client
from bench.baseline_server import BaselineServer
from bench.sink_build import build_sink
from bench.target import Target


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way has the time that it needs on a busy machine."""
    monkeypatch.setattr(load_client, "DRAIN_SECONDS", 1.0)


@pytest.fixture(scope="session")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The load client's binary."""
    return build_sink({**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))})


@pytest.fixture
def baseline() -> Iterator[Target]:
    """A baseline server in a thread of this process."""
    server = BaselineServer()
    ports = server.ports
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    publish_port = ports.pop("publish")
    yield Target("baseline", ports, publish_port, {"baseline": os.getpid()}, "baseline")
    server.stop()
    thread.join()
