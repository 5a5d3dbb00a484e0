"""What the tests of `goimbus up` and `goimbus doctor` start from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.ports import free_ports
from tests.goimbus.witness import Witness


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    async with Witness() as witness:
        yield witness


@pytest.fixture
def variables(tmp_path: Path, witness: Witness) -> dict[str, object]:
    """Ports that were free a moment ago, and a data folder of the test's own."""
    names = ("PORT", "GOIM_TCP_PORT", "GOIM_HTTP_PORT", "GOIM_NATS_PORT")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    return {**ports, "GOIM_DATA_DIR": tmp_path / "data", "WITNESS": witness.port}
