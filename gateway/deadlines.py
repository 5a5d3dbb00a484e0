"""DECIDE which connections' time is up: one list a second, no timer object per connection."""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

LOOK_SECONDS = 10  # an owner is looked at within that time, so it is let go soon after its end
SPREAD_SECONDS = 5  # those who came together are looked at one after the other


class Watched(Protocol):
    """What has a deadline in seconds, None for never. `watched` is for Deadlines alone."""

    watched: int

    @property
    def deadline(self) -> float | None:
        """When its time is up, as things are now."""


Owner = TypeVar("Owner", bound=Watched)


class Deadlines(Generic[Owner]):
    """Deadlines with a grain of a second; one that moved on is found when its old second comes."""

    def __init__(self) -> None:
        self._seconds: dict[int, list[Owner]] = {}
        self._done_to: int | None = None
        self._turn = 0

    def watch(self, owner: Owner, now: float) -> None:
        """Look after an owner until it has no deadline or is due; again where it moved nearer."""
        deadline = owner.deadline
        if deadline is None:
            return
        self._turn = (self._turn + 1) % SPREAD_SECONDS
        second = min(int(deadline) + 1, int(now) + LOOK_SECONDS - self._turn)
        if self._done_to is not None:
            second = max(second, self._done_to + 1)
        owner.watched = second
        self._seconds.setdefault(second, []).append(owner)

    def due(self, now: float) -> Iterator[Owner]:
        """Yield owners whose deadline has passed; those with a later one stay watched."""
        last = int(now)
        if self._done_to is None:
            self._done_to = min(min(self._seconds, default=last) - 1, last)
        while self._done_to < last:
            self._done_to += 1
            for owner in self._seconds.pop(self._done_to, ()):
                if owner.watched != self._done_to:
                    continue  # it is watched at another second by now
                deadline = owner.deadline
                if deadline is not None and deadline <= now:
                    yield owner
                else:
                    self.watch(owner, now)

    def owners(self) -> Iterator[Owner]:
        """Yield all who are watched; some may have ended, or come twice."""
        for owners in self._seconds.values():
            yield from owners

    def __len__(self) -> int:
        return sum(len(owners) for owners in self._seconds.values())
