"""DECIDE how fast one client address may send, or one bearer key push, to this worker."""

ROUNDING_SECONDS = 1e-9
FORGOTTEN_AT_ONCE = 2  # full buckets; more than the one that each call may add


class Rates:
    """A token bucket for each address or key: the time at which it is full again (GCRA).

    A bucket that is full again is forgotten, so that those are held that came of late.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1 / per_second if per_second > 0 else 0.0
        self._burst = burst
        self._full_at: dict[str, float] = {}  # the one that took a token last comes last

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, whose: str, now: float) -> float:
        """Take a token and return 0; or return the seconds until there is one."""
        if not self._interval:
            return 0.0
        full_at = max(self._full_at.get(whose, now), now)
        short = full_at + self._interval - self._interval * self._burst - now
        if short > ROUNDING_SECONDS:
            return short
        self._full_at.pop(whose, None)
        self._full_at[whose] = full_at + self._interval
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        for _ in range(FORGOTTEN_AT_ONCE):
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now:
                return
            del self._full_at[oldest]
