"""Run the gateway: one process, or WEB_CONCURRENCY of them on the same ports."""

import os
import sys

from bus.environment import Environment
from bus.lifecycle import run_service
from gateway.server import serve
from gateway.settings import Settings
from gateway.workers import WORKER_VARIABLE, run_workers


def main() -> None:
    """Start what the settings ask for; exit 2 when they can't be used."""
    settings = Settings.read(Environment(os.environ))
    if settings.workers > 1 and WORKER_VARIABLE not in os.environ and "--check" not in sys.argv:
        sys.exit(run_workers(settings.workers))
    run_service(Settings.read, serve)


if __name__ == "__main__":
    main()
