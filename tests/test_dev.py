"""`./dev` in a folder of its own, with a `uv` that notes what it is asked for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAKE_UV = """\
#!/bin/sh
echo "$@" >> {notes}
if [ "$1" = venv ]; then
  for last; do :; done
  {python} -m venv --without-pip "$last"
fi
"""


class Checkout:
    """A copy of `dev` with small locks beside it, and a `goimbus` that prints its arguments."""

    def __init__(self, folder: Path, dev: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        shutil.copy(dev, folder / "dev")
        for name in ("requirements", "requirements-test", "requirements-dev"):
            (folder / f"{name}.txt").write_text(f"# {name}\n")
        (folder / "goimbus").mkdir()
        (folder / "goimbus" / "__main__.py").write_text("import sys; print(*sys.argv[1:])\n")
        (folder / "scripts").mkdir()
        (folder / "scripts" / "check").write_text('#!/bin/sh\necho "checks $*"\n')
        (folder / "scripts" / "check").chmod(0o755)
        (folder / "bin").mkdir()
        uv = folder / "bin" / "uv"
        uv.write_text(FAKE_UV.format(notes=self.notes, python=sys.executable))
        uv.chmod(0o755)

    def dev(self, *words: str) -> str:
        """Run it from another folder; return what it prints."""
        done = subprocess.run(
            [sys.executable, self.folder / "dev", *words],
            env={"PATH": f"{self.folder}/bin:/usr/bin:/bin"},
            cwd="/",
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def installed(self) -> list[str]:
        """Return the locks that were installed since the last question."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return [Path(line.split()[-1]).name for line in lines if line.startswith("pip install")]


@pytest.fixture
def copy(tmp_path: Path, checkout: Path) -> Checkout:
    return Checkout(tmp_path, checkout / "dev")


def test_the_first_use_installs_and_the_second_only_runs(copy: Checkout) -> None:
    assert copy.dev("push", "room", "--help") == "push room --help"
    assert copy.installed() == ["requirements.txt"]
    assert copy.dev("tail") == "tail"
    assert copy.installed() == []


def test_without_a_command_it_is_up(copy: Checkout) -> None:
    assert copy.dev() == "up"


def test_a_changed_lock_is_installed_again(copy: Checkout) -> None:
    copy.dev()
    (copy.folder / "requirements.txt").write_text("# changed\n")
    copy.dev()
    assert copy.installed() == ["requirements.txt"] * 2


def test_each_command_gets_the_lock_it_needs_and_a_larger_one_serves_all(copy: Checkout) -> None:
    copy.dev()
    assert copy.dev("check", "--no-tests") == "checks --no-tests"
    assert copy.installed() == ["requirements.txt", "requirements-dev.txt"]
    copy.dev()
    assert copy.installed() == []
    (copy.folder / "requirements-dev.txt").write_text("# changed\n")
    copy.dev()
    assert copy.installed() == ["requirements-dev.txt"]


def test_packages_of_the_checkout_are_found_from_anywhere(copy: Checkout) -> None:
    copy.dev()
    python = copy.folder / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "goimbus", "here"], cwd="/", stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "here\n"


def test_a_failed_install_is_tried_again(copy: Checkout) -> None:
    uv = copy.folder / "bin" / "uv"
    good = uv.read_text()
    uv.write_text(good + "[ $1 = venv ]\n")
    with pytest.raises(subprocess.CalledProcessError):
        copy.dev()
    uv.write_text(good)
    assert copy.dev("tail") == "tail"
