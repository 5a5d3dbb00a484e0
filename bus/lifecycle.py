"""Run a service until SIGTERM or SIGINT, then let it drain."""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import uvloop

from bus.environment import Environment
from bus.errors import SettingsRefused

Settings = TypeVar("Settings")
SETTINGS_REFUSED_STATUS = 2
CANCEL_AGAIN_SECONDS = 0.1
MOST_OPEN_FILES = 1_048_576  # Linux' own ceiling (fs.nr_open); asked for where there is no limit


async def until_told_to_stop() -> None:
    """Return at the first SIGTERM or SIGINT; further ones are ignored."""
    await told_to_stop().wait()


def told_to_stop() -> asyncio.Event:
    """Return what a SIGTERM or SIGINT sets, from this moment on."""
    stop = asyncio.Event()
    _on_stop_signals(stop.set)
    return stop


def run_service(
    read_settings: Callable[[Environment], Settings],
    serve: Callable[[Settings], Awaitable[None]],
) -> None:
    """The body of every `__main__`: read settings, serve until it returns.

    With `--check` it stops after reading. A setting that can't be used, found now or when
    serving begins, is told in words, with exit status 2. A signal to stop cancels `serve` as
    long as that has not called `told_to_stop`.
    """
    environment = Environment(os.environ)

    async def run() -> None:
        serving = asyncio.ensure_future(serve(settings))
        _on_stop_signals(serving.cancel)
        await asyncio.wait((serving,))
        await end_tasks(asyncio.all_tasks() - {asyncio.current_task()})
        if not serving.cancelled():
            serving.result()

    try:
        settings = read_settings(environment)
        environment.check()
        if "--check" in sys.argv[1:]:
            print("settings are fine")
            return
        allow_open_files()
        uvloop.run(run())
    except SettingsRefused as refused:
        for problem in refused.problems:
            print(f"setting refused: {problem}", file=sys.stderr)
        sys.exit(SETTINGS_REFUSED_STATUS)


async def end_tasks(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel these, and return when they have ended.

    One may go on after a cancellation that comes in the moment in which what it awaits is done:
    `asyncio.wait_for` of Python 3.11 drops it then (redis-py sends with that). It is cancelled
    again until it ends.
    """
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=CANCEL_AGAIN_SECONDS)


def allow_open_files() -> None:
    """Raise the soft limit of open files, often 1,024, to the hard one: a connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has a lower ceiling that it doesn't tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def look_for_cycles_seldom() -> None:
    """Let the garbage collector run seldom, and pass over all that is there now.

    Thousands of messages or connections live at once and have no cycles; looking through them at
    each 700th new object took a fifth of a busy router's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _on_stop_signals(do: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, do)
