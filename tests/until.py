"""Waiting for what nothing tells of; the test's own time limit ends it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.005
LOOK_FROM_OUTSIDE_SECONDS = 0.05  # at another process, which pays for each look


async def until(condition: Callable[[], bool]) -> None:
    """Return when it has come about."""
    while not condition():  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(LOOK_SECONDS)


async def until_told(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when an answer says that it has come about."""
    while not await condition():  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(LOOK_SECONDS)


def until_seen(condition: Callable[[], bool]) -> None:
    """Return when it is seen from outside of any loop."""
    while not condition():
        time.sleep(LOOK_FROM_OUTSIDE_SECONDS)
