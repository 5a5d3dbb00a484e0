"""The Python of docs/protocol.md does what it says, against a running system."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem

PRINTED = {
    "from goimbus.client": r"stored as (\d+)\nroom:chat://lobby\w* \1 b'.*\"body\":\"hello\".*'\n",
    "import socket": r"operation 8 sequence 1 b''\noperation 3 sequence 2 b'(\\x..){4}'\n",
}


@pytest.mark.parametrize("mark", PRINTED)
def test_an_example_runs(system: RunningSystem, checkout: Path, mark: str) -> None:
    text = (checkout / "docs" / "protocol.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (example,) = [one for one in examples if mark in one]
    example = example.replace(":3102/", f":{system.port}/").replace("3101)", f"{system.tcp_port})")
    example = example.replace("chat://lobby", f"chat://lobby{unique()}")
    result = subprocess.run(
        [sys.executable, "-c", example],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=checkout,
        check=False,
    )
    assert result.stderr == ""
    assert re.fullmatch(PRINTED[mark], result.stdout), result.stdout
