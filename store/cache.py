"""DECIDE which messages are kept in memory after they came or were read.

When thousands of devices come back at once they ask for the same messages of the same rooms. Two
generations: a message lives for one to two lifetimes, so a message that an operator deletes
from the stream is gone from here soon after.
"""

from collections import defaultdict

LIFETIME_SECONDS = 30.0
ENTRY_BYTES = 150  # of Python objects beside the body (measured: 118, more while a dict grows)

Key = tuple[str, int]  # stream and sequence
_Generation = defaultdict[str, dict[int, bytes]]  # by stream: a tuple for each would cost 56 bytes


class MessageCache:
    """Encoded messages by stream and sequence, at most `most_bytes` of them."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.hits = 0
        self.misses = 0
        self._half = most_bytes // 2
        self._young: _Generation = defaultdict(dict)
        self._old: _Generation = defaultdict(dict)
        self._young_bytes = 0
        self._old_bytes = 0
        self._since = 0.0

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._young_bytes + self._old_bytes

    def __len__(self) -> int:
        return sum(len(one) for age in (self._young, self._old) for one in age.values())

    def get(self, key: Key, now: float) -> bytes | None:
        """Return a message that was put in less than two lifetimes ago."""
        self._age(now)
        stream, sequence = key
        message = self._young[stream].get(sequence)
        if message is None:
            message = self._old[stream].get(sequence)
        if message is None:
            self.misses += 1
        else:
            self.hits += 1
        return message

    def put(self, key: Key, message: bytes, now: float) -> None:
        """Keep a message, if it fits, in place of what was there."""
        self._age(now)
        cost = len(message) + ENTRY_BYTES
        if cost > self._half:
            return
        stream, sequence = key
        if (older := self._young[stream].pop(sequence, None)) is not None:
            self._young_bytes -= len(older) + ENTRY_BYTES
        if self._young_bytes + cost > self._half:
            self._turn(now)
        self._young[stream][sequence] = message
        self._young_bytes += cost

    def clear(self) -> None:
        """Forget everything: a stream was made anew, its sequences mean other messages."""
        self._young, self._old = defaultdict(dict), defaultdict(dict)
        self._young_bytes = self._old_bytes = 0

    def _age(self, now: float) -> None:
        if now < self._since + LIFETIME_SECONDS:
            return
        if now >= self._since + 2 * LIFETIME_SECONDS:
            self._turn(now)  # nobody looked for so long that both are too old
        self._turn(now)

    def _turn(self, now: float) -> None:
        self._old, self._old_bytes = self._young, self._young_bytes
        self._young, self._young_bytes = defaultdict(dict), 0
        self._since = now
