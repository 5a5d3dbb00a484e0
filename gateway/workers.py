"""EDGE several worker processes on the same ports (WEB_CONCURRENCY), restarted when they die."""

import os
import signal
import subprocess
import sys
import time

import structlog

log = structlog.get_logger()

WORKER_VARIABLE = "GOIM_GATEWAY_WORKER"  # set in a worker: its number
FIRST_BACKOFF_SECONDS = 0.2
MOST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 10.0  # alive for so long: the backoff starts anew


def run_workers(count: int) -> int:
    """Run `python -m gateway` so many times until SIGTERM or SIGINT; return the exit status."""
    return _Workers(count).run()


class _Workers:
    def __init__(self, count: int) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._backoff = dict.fromkeys(range(count), FIRST_BACKOFF_SECONDS)
        self._due = dict.fromkeys(range(count), 0.0)
        self._stopping = False

    def run(self) -> int:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        status = 0
        while not (self._stopping and not self._processes):
            if not self._stopping:
                self._start_due()
            status = max(status, self._reap())
            signal.sigtimedwait([signal.SIGCHLD], 0.1)
        return status

    def _start_due(self) -> None:
        now = time.monotonic()
        for number, due in tuple(self._due.items()):
            if due <= now:
                del self._due[number]
                environ = {**os.environ, WORKER_VARIABLE: str(number)}
                command = [sys.executable, "-m", "gateway"]
                self._processes[number] = subprocess.Popen(command, env=environ)
                self._started[number] = now

    def _reap(self) -> int:
        failed = 0
        for number, process in tuple(self._processes.items()):
            status = process.poll()
            if status is None:
                continue
            del self._processes[number]
            now = time.monotonic()
            if now - self._started[number] >= STEADY_SECONDS:
                self._backoff[number] = FIRST_BACKOFF_SECONDS
            if self._stopping:
                failed = max(failed, abs(status))
                continue
            log.warning("worker_ended", worker=number, status=status)
            self._due[number] = now + self._backoff[number]
            self._backoff[number] = min(self._backoff[number] * 2, MOST_BACKOFF_SECONDS)
        return failed

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
