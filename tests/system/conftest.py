"""One whole system for all tests that don't break it."""

from collections.abc import Iterator

import pytest

from tests.system.running_system import RunningSystem, running_system


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Two gateway workers and all services, in open mode."""
    folder = tmp_path_factory.mktemp("system")
    with running_system(folder, WEB_CONCURRENCY="2") as system:
        yield system
