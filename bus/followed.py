"""EDGE a bucket followed: each write to it is told here in order, for a view in memory."""

from collections.abc import Callable
from contextlib import suppress

from bus.bucket import Bucket, is_deletion, patiently
from bus.errors import BusError
from bus.ordered import Entry, OrderedReader
from bus.stream_api import read_stream_state

READ_SECONDS = 5.0


class FollowedBucket:
    """Calls `on_change(key, entry)` for what each key holds and then for each write.

    The entry is None where the key holds nothing any more. `on_reset()` is called when the bucket
    was made anew: all that was told is void. Both run inside the socket's read, must not block.
    """

    def __init__(
        self,
        bucket: Bucket,
        on_change: Callable[[str, Entry | None], None],
        on_reset: Callable[[], None],
    ) -> None:
        self.bucket = bucket
        self._on_change = on_change
        self._head = bucket.subject("")
        self._started = False
        self._reader = OrderedReader(
            bucket.bus, bucket.stream, self._handle_entry, headers_only=False, on_reset=on_reset
        )

    async def load(self, waits: str) -> None:
        """Make the bucket where it is not there, and return when it has been read.

        Waits for JetStream without end, and tells so in the log as `waits`. Raises SettingsRefused.
        """
        try:
            await patiently(self._load, waits, self.bucket.name)
        except BaseException:
            await self.close()
            raise

    async def catch_up(self, seconds: float) -> None:
        """Return when all that is written by now was told; begins to read. Raises BusError."""
        if not self._started:
            self._started = True
            self._reader.start()
        state = await read_stream_state(self.bucket.bus, self.bucket.stream)
        await self._reader.wait_for(state.last_sequence, seconds)

    async def reach(self, revision: int, seconds: float) -> None:
        """Return when this revision was told, or the time is up."""
        with suppress(BusError):
            await self._reader.wait_for(revision, seconds)

    async def close(self) -> None:
        """Follow the bucket no more."""
        await self._reader.stop()

    async def _load(self) -> None:
        await self.bucket.make()
        await self.catch_up(READ_SECONDS)

    def _handle_entry(self, entry: Entry) -> None:
        key = entry.subject.removeprefix(self._head)
        self._on_change(key, None if is_deletion(entry.headers) else entry)
