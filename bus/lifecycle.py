"""Run a service until SIGTERM or SIGINT, then let it drain."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from bus.environment import Environment
from bus.errors import SettingsRefused

Settings = TypeVar("Settings")
SETTINGS_REFUSED_STATUS = 2


async def until_told_to_stop() -> None:
    """Return at the first SIGTERM or SIGINT; further ones are ignored."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def run_service(
    read_settings: Callable[[Environment], Settings],
    serve: Callable[[Settings], Awaitable[None]],
) -> None:
    """The body of every `__main__`: read settings or exit 2 with words; `--check` stops there."""
    environment = Environment(os.environ)
    try:
        settings = read_settings(environment)
        environment.check()
    except SettingsRefused as refused:
        for problem in refused.problems:
            print(f"setting refused: {problem}", file=sys.stderr)
        sys.exit(SETTINGS_REFUSED_STATUS)
    if "--check" in sys.argv[1:]:
        print("settings are fine")
        return

    async def run() -> None:
        await serve(settings)

    uvloop.run(run())
