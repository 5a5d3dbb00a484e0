"""Waiting for what nothing tells of."""

import asyncio
from collections.abc import Callable

LOOK_SECONDS = 0.005


async def until(condition: Callable[[], bool]) -> None:
    """Return when it has come about; the test's own time limit ends the waiting."""
    while not condition():  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(LOOK_SECONDS)
