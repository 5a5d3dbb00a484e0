"""DECIDE which connections' time is up: one list a second, no timer object per connection."""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

LOOK_SECONDS = 10  # an owner is looked at so often, and let go so soon after its end

Owner = TypeVar("Owner", bound=Hashable)


class Deadlines(Generic[Owner]):
    """Deadlines with a grain of a second; one that was moved is found at the next look.

    `deadline_of(owner)` gives the owner's present deadline in seconds, or None for never.
    """

    def __init__(self, deadline_of: Callable[[Owner], float | None]) -> None:
        self._deadline_of = deadline_of
        self._seconds: dict[int, list[Owner]] = {}
        self._done_to: int | None = None

    def watch(self, owner: Owner, now: float) -> None:
        """Look after the owner until it has no deadline any more, or is due. Call once."""
        deadline = self._deadline_of(owner)
        if deadline is not None:
            second = min(int(deadline) + 1, int(now) + LOOK_SECONDS)
            if self._done_to is not None:
                second = max(second, self._done_to + 1)
            self._seconds.setdefault(second, []).append(owner)

    def due(self, now: float) -> Iterator[Owner]:
        """Yield owners whose deadline has passed; those with a later one stay watched."""
        last = int(now)
        if self._done_to is None:
            self._done_to = min(self._seconds, default=last) - 1
            self._done_to = min(self._done_to, last)
        while self._done_to < last:
            self._done_to += 1
            for owner in self._seconds.pop(self._done_to, ()):
                deadline = self._deadline_of(owner)
                if deadline is not None and deadline <= now:
                    yield owner
                else:
                    self.watch(owner, now)

    def owners(self) -> Iterator[Owner]:
        """Yield all who are watched; some may have ended."""
        for owners in self._seconds.values():
            yield from owners

    def __len__(self) -> int:
        return sum(len(owners) for owners in self._seconds.values())
