"""EDGE the table of revocations, kept as the bucket GOIM_REVOKED is."""

import time

from auth.revocations import Revocations
from bus.bucket import Bucket
from bus.followed import FollowedBucket
from bus.ordered import Entry


class RevocationWatch:
    """Follows the bucket; `load` returns when the table is as the bucket is."""

    def __init__(self, bucket: Bucket, table: Revocations) -> None:
        self._table = table
        self._followed = FollowedBucket(bucket, self._take, table.clear)

    async def load(self) -> None:
        """Read all there is; waits for JetStream without end. Raises SettingsRefused."""
        await self._followed.load("revocations_wait")

    async def catch_up(self, seconds: float) -> None:
        """Return when all that is written by now is in the table. Raises BusError."""
        await self._followed.catch_up(seconds)

    async def close(self) -> None:
        """Follow no more."""
        await self._followed.close()

    def _take(self, key: str, entry: Entry | None) -> None:
        if entry is None:
            self._table.drop(key)
        else:
            self._table.take(key, entry.payload, time.time())
