"""EDGE a file system of its own on a loop device, and what its disk holds at one instant.

Needs root, loop devices, and the tools of util-linux and e2fsprogs.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.errors import NotPossible

TOOLS = ("mkfs.ext4", "mount", "umount", "cp", "sync")
LOOP_CONTROL = Path("/dev/loop-control")
DISK_MIB = 1024
REMEDY = "run it as root on Linux with loop devices (a container needs --privileged)"


def check_power_cut_is_possible() -> None:
    """Raises NotPossible where a disk can't be made."""
    if os.geteuid() != 0:
        raise NotPossible("only root can mount a disk of its own", REMEDY)
    if not LOOP_CONTROL.exists():
        raise NotPossible(f"there is no {LOOP_CONTROL}", REMEDY)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise NotPossible(f"{', '.join(missing)} not found", "install util-linux and e2fsprogs")


@contextmanager
def new_disk(image: Path) -> Iterator[Path]:
    """Make a disk in this file and mount it for the length of the block. Raises NotPossible."""
    with image.open("wb") as file:
        file.truncate(DISK_MIB * 1024 * 1024)
    _run("mkfs.ext4", "-q", "-F", str(image))
    with mounted(image) as folder:
        yield folder


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """Mount a disk beside its file for the length of the block. Raises NotPossible."""
    folder = image.with_suffix(".mounted")
    folder.mkdir()
    _run("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        _run("umount", str(folder))
        folder.rmdir()


def sync_all(folder: Path) -> None:
    """Write all that was written to this file system so far to its disk."""
    _run("sync", "-f", str(folder))


def copy_disk(image: Path, copy: Path) -> None:
    """Copy what the disk holds now, whatever the kernel still keeps for it in memory."""
    _run("cp", "--sparse=always", str(image), str(copy))


def _run(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        words = finished.stderr.strip() or f"status {finished.returncode}"
        raise NotPossible(f"{' '.join(command)} failed: {words}", REMEDY)
