"""EDGE the index of all accounts: read from the bucket when an operator first asks, then followed.

Processes that no operator asks have no index, so they don't grow with the number of accounts.
"""

import asyncio
import time

import msgspec
import structlog

from auth.account import decode_account, decode_alias
from auth.book import NAME_HEAD
from auth.directory import Directory, Query, Row
from auth.errors import AccountRefused, Reason
from bus.bucket import Bucket, ttl_seconds_of
from bus.errors import ReaderBehind
from bus.followed import FollowedBucket
from bus.ordered import Entry

log = structlog.get_logger()

WAIT_SECONDS = 3.0  # below the caller's 5 s


class Listing:
    """Answers queries over all accounts."""

    def __init__(self, bucket: Bucket) -> None:
        self.unreadable = 0
        self.directory = Directory()
        self._followed = FollowedBucket(bucket, self._take, self.directory.clear)

    async def find(self, query: Query, limit: int) -> list[Row]:
        """Return up to `limit` rows, in order of mid, as the bucket is now.

        Raises AccountRefused while the index is being read, and BusError.
        """
        await self._catch_up()
        self.directory.drop_ended(time.time())
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
        await self._followed.close()

    async def _catch_up(self) -> None:
        try:
            await self._followed.catch_up(WAIT_SECONDS)
        except ReaderBehind as behind:
            log.info("directory_is_read", reached=behind.reached, wanted=behind.wanted)
            raise AccountRefused(
                Reason.UNAVAILABLE, "the list of accounts is being read", after=5
            ) from None

    def _take(self, key: str, entry: Entry | None) -> None:
        self.directory.drop_ended(time.time())
        if not key.startswith(NAME_HEAD):
            return
        digest = key.removeprefix(NAME_HEAD)
        if entry is None:
            self.directory.drop(digest)
            return
        try:
            if decode_alias(entry.payload) is None:
                account = decode_account(entry.payload)
                self.directory.take(digest, account, _ends_at(entry))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1


def _ends_at(entry: Entry) -> float:
    """Return when nats-server forgets a record, unix seconds; 0 for never."""
    seconds = ttl_seconds_of(entry.headers)
    return entry.time_ns / 1e9 + seconds if seconds else 0.0
