"""DECIDE how old a stream's sequences are, without a time for each message.

Sequences and times of a stream rise together, so a mark now and then is enough: one a second for
the last hour, one a minute before that. 30 days take at most 0.8 MB however many messages.
"""

from array import array
from bisect import bisect_right

FINE_SECONDS = 1.0
COARSE_SECONDS = 60.0
FINE_SPAN_SECONDS = 3600.0
THIN_AFTER = 3600  # new marks between two thinnings


class TimeMarks:
    """When the sequences of one stream were stored, as (sequence, unix seconds) marks."""

    def __init__(self) -> None:
        self._sequences = array("Q")
        self._times = array("d")
        self._last = 0
        self._coarse = 0  # so many marks at the front are a minute apart
        self._thin_at = 2 * THIN_AFTER

    def __len__(self) -> int:
        return len(self._times)

    def note(self, sequence: int, seconds: float) -> None:
        """Take in the stream's next message. A time before the last one counts as the last one."""
        self._last = sequence
        if self._times and seconds < self._times[-1] + FINE_SECONDS:
            return
        self._sequences.append(sequence)
        self._times.append(seconds)
        if len(self._times) >= self._thin_at:
            self._thin()

    def stored_by(self, seconds: float) -> int:
        """Return the highest sequence that was surely stored before then; 0: none is known to be.

        Never too high. Too low by what came within a second, or a minute when it is over an
        hour old.
        """
        place = bisect_right(self._times, seconds - FINE_SECONDS)
        if place <= self._coarse:
            limit = seconds - COARSE_SECONDS - FINE_SECONDS
            place = bisect_right(self._times, limit, 0, self._coarse)
        if place == 0:
            return 0
        if place == len(self._times):
            return self._last
        return self._sequences[place] - 1

    def forget(self, sequence: int) -> None:
        """Drop the marks that only tell of messages up to this sequence."""
        place = bisect_right(self._sequences, sequence) - 1
        if place > 0:
            del self._sequences[:place]
            del self._times[:place]
            self._coarse = max(0, self._coarse - place)

    def clear(self) -> None:
        """Forget everything: the stream was made anew."""
        del self._sequences[:]
        del self._times[:]
        self._last = self._coarse = 0
        self._thin_at = 2 * THIN_AFTER

    def _thin(self) -> None:
        """Keep one mark a minute of those that are over an hour old."""
        fine = bisect_right(self._times, self._times[-1] - FINE_SPAN_SECONDS)
        sequences, times = self._sequences[: self._coarse], self._times[: self._coarse]
        for place in range(self._coarse, fine):
            if not times or self._times[place] >= times[-1] + COARSE_SECONDS:
                sequences.append(self._sequences[place])
                times.append(self._times[place])
        self._coarse = len(times)
        self._sequences = sequences + self._sequences[fine:]
        self._times = times + self._times[fine:]
        self._thin_at = len(self._times) + THIN_AFTER
