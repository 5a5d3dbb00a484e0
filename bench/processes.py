"""EDGE what Linux tells of processes (/proc), and where it lets them run."""

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
KIB = 1024


def pin(process_id: int, cores: Iterable[int]) -> None:
    """Let a process, with all its threads, run on these cores only."""
    for task in (PROC / str(process_id) / "task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def cpu_seconds(process_id: int) -> float:
    """Return how long a process has run, in user and system mode. Raises OSError when it ended."""
    total = 0
    for thread in (PROC / str(process_id) / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends meanwhile
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_kilobytes(process_id: int) -> float:
    """Return the memory of a process that is in use (VmRSS)."""
    for line in (PROC / str(process_id) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    return 0.0


def children(process_id: int) -> dict[int, list[str]]:
    """Return the command line of each child of a process."""
    found: dict[int, list[str]] = {}
    for task in (PROC / str(process_id) / "task").iterdir():
        for child in (task / "children").read_text().split():
            words = (PROC / child / "cmdline").read_bytes().split(b"\0")
            found[int(child)] = [word.decode("utf-8", "replace") for word in words if word]
    return found


def describe_machine() -> str:
    """Return processor, cores, memory, kernel and Python in one line."""
    model = "unknown processor"
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model}, {cores} cores, {pages / KIB**3:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )
