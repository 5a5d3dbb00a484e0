"""Every `sh` block of the documents is run, line by line, against a running system."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running_system import RunningSystem, running_system

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    pytest.param(block, id=f"{document.name}-{number}")
    for document in DOCUMENTS
    for number, block in enumerate(BLOCK.findall(document.read_text()), 1)
]


@pytest.fixture(scope="module")
def documented_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of its own: the documents' members and rooms are also those of goim's examples."""
    with running_system(tmp_path_factory.mktemp("documented")) as system:
        yield system


FUNCTIONS = """set -eo pipefail
dev() { python -m goimbus "$@"; }
nats() { python -m tests.system.nats_command "$@"; }
"""


@pytest.mark.parametrize("block", COMMANDS)
def test_a_documented_command_works(
    documented_system: RunningSystem, block: str, tmp_path: Path
) -> None:
    system = documented_system
    ports = {
        "3101": system.tcp_port,
        "3102": system.port,
        "3111": system.http_port,
        "4222": system.nats_port,
    }
    for default, port in ports.items():
        block = re.sub(rf":{default}\b", f":{port}", block)
    script = FUNCTIONS + block.replace("./dev ", "dev ")
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PORT": str(system.port),
        "GOIM_HTTP_PORT": str(system.http_port),
        "GOIM_TCP_PORT": str(system.tcp_port),
        "NATS_URL": system.nats_url,
        "GOIM_DATA_DIR": str(system.folder / "data"),
    }
    done = subprocess.run(
        ["bash", "-c", script],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    assert '"code":-' not in done.stdout, done.stdout
