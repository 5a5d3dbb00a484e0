"""EDGE the table of revocations, kept as the bucket GOIM_REVOKED is."""

import asyncio
import time

import structlog

from auth.buckets import DELETED, OPERATION, Bucket
from auth.revocations import Revocations
from bus.connection import Bus
from bus.errors import BusError
from bus.ordered import Entry, OrderedReader
from bus.stream_api import read_stream_state
from schemas.headers import header_value

log = structlog.get_logger()

RETRY_SECONDS = 0.5
READ_SECONDS = 5.0


class RevocationWatch:
    """Follows the bucket; `load` returns when the table is as the bucket is."""

    def __init__(self, bus: Bus, bucket: Bucket, table: Revocations) -> None:
        self._bus = bus
        self._bucket = bucket
        self._table = table
        self._head = bucket.subject("")
        self._reader = OrderedReader(
            bus, bucket.stream, self._take, headers_only=False, on_reset=table.clear
        )

    async def load(self) -> None:
        """Read all there is; waits for JetStream without end."""
        self._reader.start()
        told = False
        while True:
            try:
                await self.catch_up(READ_SECONDS)
            except BusError as error:
                if not told:
                    log.warning("revocations_wait", error=str(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def catch_up(self, seconds: float) -> None:
        """Return when all that is written by now is in the table. Raises BusError."""
        state = await read_stream_state(self._bus, self._bucket.stream)
        await self._reader.wait_for(state.last_sequence, seconds)

    async def close(self) -> None:
        """Follow no more."""
        await self._reader.stop()

    def _take(self, entry: Entry) -> None:
        key = entry.subject.removeprefix(self._head)
        if is_deletion(entry.headers):
            self._table.drop(key)
        else:
            self._table.take(key, entry.payload, time.time())


def is_deletion(headers: bytes | None) -> bool:
    """Tell whether a bucket's message says that its key holds nothing."""
    return header_value(headers, OPERATION) in DELETED or bool(
        header_value(headers, "Nats-Marker-Reason")
    )
