"""DECIDE which connections' time is up: one list a second, no timer object per connection."""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)


class Deadlines(Generic[Owner]):
    """Deadlines with a grain of a second; a moved one is found when its old second comes.

    `deadline_of(owner)` gives the owner's present deadline in seconds, or None for never.
    """

    def __init__(self, deadline_of: Callable[[Owner], float | None]) -> None:
        self._deadline_of = deadline_of
        self._seconds: dict[int, list[Owner]] = {}
        self._done_to: int | None = None

    def watch(self, owner: Owner, deadline: float) -> None:
        """Look at the owner when this time comes. Call again only after it was looked at."""
        second = int(deadline) + 1
        if self._done_to is not None:
            second = max(second, self._done_to + 1)
        self._seconds.setdefault(second, []).append(owner)

    def due(self, now: float) -> Iterator[Owner]:
        """Yield owners whose deadline has passed; those with a later one stay watched."""
        last = int(now)
        if self._done_to is None:
            self._done_to = min(self._seconds, default=last) - 1
        while self._done_to < last:
            self._done_to += 1
            for owner in self._seconds.pop(self._done_to, ()):
                deadline = self._deadline_of(owner)
                if deadline is None:
                    continue
                if deadline <= now:
                    yield owner
                else:
                    self.watch(owner, deadline)
