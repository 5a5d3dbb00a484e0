"""DECIDE which messages are kept in memory after they came or were read.

When thousands of devices come back at once they ask for what was stored of late. So all that comes
is kept, in the order of its stream, end to end in one buffer: 8 bytes beside each message, where an
object would take 118. What had to be read from the stream is kept as objects.

Two generations: a message is kept for one to two lifetimes, or less where there is no place.
"""

from array import array
from collections import defaultdict
from itertools import repeat
from typing import NamedTuple

READ_BYTES = 150  # beside a message that was read (measured: 118, more while a dict grows)
CAME_BYTES = 8  # beside one that came: where it ends
HOLD_SECONDS = 60.0  # after a deletion was asked for: it is done by then

Key = tuple[str, int]  # stream and sequence


class _Run:
    """Messages of one stream as they came; one that did not come, or was erased, is empty."""

    __slots__ = ("_data", "_ends", "_first")

    def __init__(self, first: int) -> None:
        self._first = first
        self._data = bytearray()
        self._ends: array[int] = array("Q")

    @property
    def next(self) -> int:
        """The sequence above all that came."""
        return self._first + len(self._ends)

    def append(self, sequence: int, message: bytes) -> None:
        """Add a message; its sequence is not below `next`."""
        missing = sequence - self.next
        if missing:
            self._ends.extend(repeat(len(self._data), missing))
        self._data += message
        self._ends.append(len(self._data))

    def get(self, sequence: int) -> bytes | None:
        index = sequence - self._first
        if not 0 <= index < len(self._ends):
            return None
        start, end = self._ends[index - 1] if index else 0, self._ends[index]
        if start == end or not self._data[start]:
            return None
        return bytes(memoryview(self._data)[start:end])

    def erase(self, first: int, last: int) -> None:
        """Write zeros over messages: with a zero no encoded message begins."""
        low, high = max(first - self._first, 0), min(last - self._first + 1, len(self._ends))
        if low < high:
            start, end = self._ends[low - 1] if low else 0, self._ends[high - 1]
            self._data[start:end] = bytes(end - start)


class _Generation:
    """What was kept in one lifetime, by stream."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.size = 0
        self.came: dict[str, _Run] = {}
        self.read: defaultdict[str, dict[int, bytes]] = defaultdict(dict)

    def get(self, stream: str, sequence: int) -> bytes | None:
        run = self.came.get(stream)
        message = run.get(sequence) if run is not None else None
        return message or self.read[stream].get(sequence)

    def erase(self, stream: str, first: int, last: int) -> None:
        if (run := self.came.get(stream)) is not None:
            run.erase(first, last)
        read = self.read[stream]
        for sequence in [one for one in read if first <= one <= last]:
            self.size -= len(read.pop(sequence)) + READ_BYTES


class _Hold(NamedTuple):
    """What is being deleted may still be read, but is not kept then."""

    first: int
    last: int
    until: float


class MessageCache:
    """Encoded messages by stream and sequence, at most `most_bytes` of them."""

    def __init__(self, most_bytes: int, lifetime_seconds: float) -> None:
        self.most_bytes = most_bytes
        self.hits = 0
        self.misses = 0
        self._half = most_bytes // 2
        self._lifetime = lifetime_seconds
        self._young = _Generation(0.0)
        self._old = _Generation(0.0)
        self._holds: dict[str, _Hold] = {}

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._young.size + self._old.size

    def get(self, key: Key, now: float) -> bytes | None:
        """Return a message that is kept for less than two lifetimes."""
        self._age(now)
        message = self._young.get(*key) or self._old.get(*key)
        if message is None:
            self.misses += 1
        else:
            self.hits += 1
        return message

    def append(self, key: Key, message: bytes, now: float) -> None:
        """Keep a message that has come, unless it or a newer one of its stream came before."""
        stream, sequence = key
        self._age(now)
        run = self._young.came.get(stream)
        missing = sequence - run.next if run is not None else 0
        cost = len(message) + CAME_BYTES * (missing + 1)
        if missing < 0 or not self._make_place(cost, now):
            return
        run = self._young.came.get(stream)  # none, if there was no place beside the others
        if run is None:
            run = self._young.came[stream] = _Run(sequence)
        run.append(sequence, message)
        self._young.size += cost

    def put(self, key: Key, message: bytes, now: float) -> None:
        """Keep a message that was read."""
        stream, sequence = key
        self._age(now)
        hold = self._holds.get(stream)
        if hold is not None and hold.first <= sequence <= hold.last and now < hold.until:
            return
        cost = len(message) + READ_BYTES
        if sequence not in self._young.read[stream] and self._make_place(cost, now):
            self._young.read[stream][sequence] = message
            self._young.size += cost

    def erase(self, stream: str, first: int, last: int, now: float) -> None:
        """Forget messages that somebody deletes, both ends included."""
        for generation in (self._young, self._old):
            generation.erase(stream, first, last)
        hold = self._holds.get(stream)
        if hold is not None and now < hold.until:  # one for both will do for a minute
            first, last = min(first, hold.first), max(last, hold.last)
        self._holds[stream] = _Hold(first, last, now + HOLD_SECONDS)

    def clear(self) -> None:
        """Forget everything: a stream was made anew, its sequences mean other messages."""
        self._young, self._old = _Generation(self._young.since), _Generation(self._old.since)

    def _make_place(self, cost: int, now: float) -> bool:
        if cost > self._half:
            return False
        if self._young.size + cost > self._half:
            self._turn(now)
        return True

    def _age(self, now: float) -> None:
        since = self._young.since
        if now < since + self._lifetime:
            return
        if now >= since + 2 * self._lifetime:
            self._turn(now)  # nobody looked for so long that both are too old
        self._turn(now)

    def _turn(self, now: float) -> None:
        self._old, self._young = self._young, _Generation(now)
