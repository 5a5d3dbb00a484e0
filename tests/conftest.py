"""Real servers for the tests: one nats-server with JetStream and one Valkey for the session."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from bench import ports
from goimbus.embedded import (
    ANY_PORT,
    find_nats_server,
    find_valkey_server,
    nats_server,
    running,
    valkey_server,
)

# The same examples in every run, however long one takes; to look for new ones, load "default".
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")

_configure_logs = structlog.configure


def _configure_logs_without_cache(**settings: Any) -> None:
    """No logger keeps what a command that runs inside a test has configured."""
    _configure_logs(**{**settings, "cache_logger_on_first_use": False})


structlog.configure = _configure_logs_without_cache  # type: ignore[assignment]


def pytest_configure() -> None:
    """Let each of the processes that test at once look for free ports in a range of its own."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = (ports.HIGHEST - ports.LOWEST) // count
    ports.LOWEST += number * share
    ports.HIGHEST = ports.LOWEST + share


def pytest_runtest_teardown() -> None:
    """Undo what a test has configured of the logs."""
    structlog.reset_defaults()


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A nats-server with JetStream, as `goimbus up` configures it, for the whole session."""
    folder = tmp_path_factory.mktemp("nats")
    with running(nats_server(find_nats_server(os.environ), folder, ANY_PORT, "goim")) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey for the whole session."""
    folder = tmp_path_factory.mktemp("valkey")
    with running(valkey_server(find_valkey_server(os.environ), folder)) as url:
        yield url


@pytest.fixture
def prefix() -> str:
    """A subject prefix of this test's own: its streams, buckets and keys are nobody else's."""
    return f"t{os.getpid():x}n{next(_numbers):x}"


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the project."""
    return Path(__file__).parent.parent
