"""Run the gateway: one process, or WEB_CONCURRENCY of them on the same ports."""

import os
import sys
from contextlib import suppress

from bus.environment import Environment
from bus.errors import SettingsRefused
from bus.lifecycle import run_service
from bus.logs import configure_logs
from gateway.server import serve
from gateway.settings import Settings
from gateway.workers import WORKER_VARIABLE, bind_to_parent, run_workers


def main() -> None:
    """Start what the settings ask for; exit 2 when they can't be used."""
    if WORKER_VARIABLE in os.environ:
        bind_to_parent(os.environ[WORKER_VARIABLE])
    elif "--check" not in sys.argv:
        run_several()
    run_service(Settings.read, serve)


def run_several() -> None:
    """Run workers and exit, where the settings are fine and ask for more than one."""
    environment = Environment(os.environ)
    settings = Settings.read(environment)
    with suppress(SettingsRefused):  # they are refused in words where one process is run
        environment.check()
        if settings.workers > 1:
            configure_logs("gateway", settings.bus.log_format, settings.bus.log_level)
            sys.exit(run_workers(settings.workers))


if __name__ == "__main__":
    main()
