"""Futures that wait until a number that only grows has been reached."""

import asyncio
from heapq import heapify, heappop, heappush
from typing import NamedTuple

NEVER = 2**64


class _Waiter(NamedTuple):
    number: int
    place: int  # in line, so that futures need not compare
    future: asyncio.Future[None]


class Waiters:
    """Who waits for which number; `next` is the lowest of them, for a cheap test."""

    def __init__(self) -> None:
        self.next = NEVER
        self._heap: list[_Waiter] = []
        self._places = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, number: int) -> asyncio.Future[None]:
        """Return a future that is done when `wake` has been told this number or more."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._places += 1
        heappush(self._heap, _Waiter(number, self._places, future))
        self.next = self._heap[0].number
        return future

    def wake(self, reached: int) -> None:
        """Settle all that wait for `reached` or less."""
        while self._heap and self._heap[0].number <= reached:
            future = heappop(self._heap).future
            if not future.done():
                future.set_result(None)
        self._note_next()

    def discard(self, future: asyncio.Future[None]) -> None:
        """Forget one that gave up."""
        self._heap = [one for one in self._heap if one.future is not future]
        heapify(self._heap)
        self._note_next()

    def _note_next(self) -> None:
        self.next = self._heap[0].number if self._heap else NEVER
