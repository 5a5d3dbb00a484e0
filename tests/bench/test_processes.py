import os
import subprocess
import sys

from bench.processes import children, cpu_seconds, describe_machine, pin, resident_kilobytes


def test_a_process_is_seen_and_pinned() -> None:
    waits = [sys.executable, "-c", "print(flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(waits, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it runs
        assert children(os.getpid())[process.pid]
        core = min(os.sched_getaffinity(0))
        pin(process.pid, {core})
        assert os.sched_getaffinity(process.pid) == {core}
        assert resident_kilobytes(process.pid) > 0
        assert cpu_seconds(process.pid) >= 0
        process.communicate(b"\n")


def test_the_machine_is_described_in_one_line() -> None:
    assert "cores" in describe_machine()
    assert "\n" not in describe_machine()
