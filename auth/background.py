"""EDGE work that nobody waits for: bounded, counted, and its failures logged."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()

MOST_TASKS = 1000  # under way; more are not begun


class Background:
    """The tasks of one process."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Do this beside; `name` is what a failure is logged as."""
        if len(self._tasks) >= MOST_TASKS:
            self.counts["not_begun"] += 1
            work.close()
            return
        task = asyncio.create_task(self._do(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Return when all that was begun has ended."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _do(self, work: Coroutine[Any, Any, object], name: str) -> None:
        try:
            await work
            self.counts["done"] += 1
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            self.counts["failed"] += 1
            log.warning("background_failed", work=name, error=str(error) or type(error).__name__)
