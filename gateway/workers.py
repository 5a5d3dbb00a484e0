"""EDGE several worker processes on the same ports (WEB_CONCURRENCY), restarted when they die."""

import ctypes
import os
import signal
import subprocess
import sys
import time

import structlog

log = structlog.get_logger()

WORKER_VARIABLE = "GOIM_GATEWAY_WORKER"  # set in a worker: its number and its parent's process id
FIRST_BACKOFF_SECONDS = 0.2
MOST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 10.0  # alive for so long: the backoff starts anew
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_workers(count: int) -> int:
    """Run `python -m gateway` so many times until SIGTERM or SIGINT; return the exit status."""
    return _Workers(count).run()


def bind_to_parent(worker: str) -> None:
    """Let a worker drain when its parent is gone, however that ended. `worker`: the variable."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if worker.rpartition(".")[2] != str(os.getppid()):
        sys.exit("the parent process is gone")


class _Workers:
    def __init__(self, count: int) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._backoff = dict.fromkeys(range(count), FIRST_BACKOFF_SECONDS)
        self._due = dict.fromkeys(range(count), 0.0)
        self._stopping = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        status = 0
        while not self._stopping:
            self._start_due()
            self._reap()
            signal.sigtimedwait([signal.SIGCHLD], 0.1)
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            status = max(status, abs(process.wait()))
        return status

    def _start_due(self) -> None:
        now = time.monotonic()
        for number, due in tuple(self._due.items()):
            if due <= now:
                del self._due[number]
                environ = {**os.environ, WORKER_VARIABLE: f"{number}.{os.getpid()}"}
                command = [sys.executable, "-m", "gateway"]
                self._processes[number] = subprocess.Popen(command, env=environ)
                self._started[number] = now

    def _reap(self) -> None:
        for number, process in tuple(self._processes.items()):
            status = process.poll()
            if status is None:
                continue
            del self._processes[number]
            now = time.monotonic()
            if now - self._started[number] >= STEADY_SECONDS:
                self._backoff[number] = FIRST_BACKOFF_SECONDS
            log.warning("worker_ended", worker=number, status=status)
            self._due[number] = now + self._backoff[number]
            self._backoff[number] = min(self._backoff[number] * 2, MOST_BACKOFF_SECONDS)

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
