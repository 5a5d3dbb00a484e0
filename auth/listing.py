"""EDGE the index of all accounts: read from the bucket when an operator first asks, then followed.

Processes that no operator asks have no index, so they don't grow with the number of accounts.
"""

import asyncio

import msgspec
import structlog

from auth.account import decode_account, decode_alias
from auth.book import NAME_HEAD
from auth.buckets import Bucket
from auth.directory import Directory, Query, Row
from auth.errors import AccountRefused, Reason
from auth.watching import is_deletion
from bus.connection import Bus
from bus.errors import ReaderBehind
from bus.ordered import Entry, OrderedReader
from bus.stream_api import read_stream_state

log = structlog.get_logger()

WAIT_SECONDS = 3.0  # below the caller's 5 s


class Listing:
    """Answers queries over all accounts."""

    def __init__(self, bus: Bus, bucket: Bucket) -> None:
        self.unreadable = 0
        self.directory = Directory()
        self._bus = bus
        self._bucket = bucket
        self._head = bucket.subject(NAME_HEAD)
        self._reader: OrderedReader | None = None

    async def find(self, query: Query, limit: int) -> list[Row]:
        """Return up to `limit` rows, in order of mid, as the bucket is now.

        Raises AccountRefused while the index is being read, and BusError.
        """
        await self._catch_up()
        rows: list[Row] = []
        for row in self.directory.scan(query):
            if row is None:
                await asyncio.sleep(0)
                continue
            rows.append(row)
            if len(rows) == limit:
                break
        return rows

    async def close(self) -> None:
        """Follow the bucket no more."""
        if self._reader is not None:
            await self._reader.stop()

    async def _catch_up(self) -> None:
        if self._reader is None:
            self._reader = OrderedReader(
                self._bus,
                self._bucket.stream,
                self._take,
                headers_only=False,
                on_reset=self.directory.clear,
            )
            self._reader.start()
        state = await read_stream_state(self._bus, self._bucket.stream)
        try:
            await self._reader.wait_for(state.last_sequence, WAIT_SECONDS)
        except ReaderBehind as behind:
            log.info("directory_is_read", reached=behind.reached, wanted=behind.wanted)
            raise AccountRefused(
                Reason.UNAVAILABLE, "the list of accounts is being read", after=5
            ) from None

    def _take(self, entry: Entry) -> None:
        if not entry.subject.startswith(self._head):
            return
        digest = entry.subject.removeprefix(self._head)
        if is_deletion(entry.headers):
            self.directory.drop(digest)
            return
        try:
            if decode_alias(entry.payload) is None:
                self.directory.take(digest, decode_account(entry.payload))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
