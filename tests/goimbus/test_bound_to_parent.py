import subprocess
import sys

import pytest

from goimbus import bound_to_parent
from goimbus.bound_to_parent import NOT_FOUND_STATUS


def run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_takes_the_scripts_place() -> None:
    script = "import os, sys; print(os.getpid()); sys.exit(7)"
    command = bound_to_parent.bound_to_parent((sys.executable, "-c", script))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid
    assert process.returncode == 7


def test_a_command_that_cannot_run_is_told() -> None:
    done = run(bound_to_parent.bound_to_parent(("no-such-command",)))
    assert (done.returncode, done.stderr) == (
        NOT_FOUND_STATUS,
        "can't run no-such-command: No such file or directory\n",
    )


def test_nothing_runs_when_the_parent_is_gone_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getpid", lambda: 2**22 + 1)  # above Linux' highest process id
    done = run(bound_to_parent.bound_to_parent((sys.executable, "-c", "print('ran')")))
    assert (done.returncode, done.stdout) == (1, "")
    assert "parent process is gone" in done.stderr
