"""EDGE member ids that nobody had before: taken in blocks from one counter in the bucket."""

import asyncio

from bus.bucket import Bucket
from bus.errors import ValueChanged

KEY = "next"
BLOCK = (
    16  # taken at once, so that few registrations wait for a second write; a restart leaves some
)
MOST_ATTEMPTS = 100  # against as many processes that take a block in the same moment


class MidsContended(Exception):
    """Others took a block each time."""


class Mids:
    """Gives out ids from `first` on; each once, over all processes that share the bucket."""

    def __init__(self, bucket: Bucket, first: int) -> None:
        self._bucket = bucket
        self._first = first
        self._next = self._end = 0
        self._lock = asyncio.Lock()

    async def take(self) -> int:
        """Return the next id. Raises BusError or MidsContended. Cancelling may leave out some."""
        async with self._lock:
            if self._next == self._end:
                await self._take_block()
            mid = self._next
            self._next += 1
            return mid

    async def _take_block(self) -> None:
        for _ in range(MOST_ATTEMPTS):
            value = await self._bucket.get(KEY)
            start = self._first if value is None else max(int(value.data), self._first)
            end = start + BLOCK
            try:
                await self._bucket.put(KEY, b"%d" % end, 0 if value is None else value.revision)
            except ValueChanged:
                continue
            self._next, self._end = start, end
            return
        raise MidsContended
