"""DECIDE for how long a message may be sent again: while the server is sure to know its number.

A server remembers a number for two minutes from when its message was stored, and would store it
once more later. Only messages whose fate nobody knows are kept here.
"""

TOO_OLD = (409, "too old to be sure that it would be stored once: send it as a new message")
UNKNOWN_FATE = 503  # it may be stored, or come to be
MOST_KEPT = 1000  # numbers; the oldest go


class FirstTries:
    """When messages were sent first, by their numbers."""

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._tries: dict[int, float] = {}

    def seconds_left(self, number: int, now: float) -> float:
        """Return for how long a message that is sent now may be tried; 0 or less: no more."""
        return self._tries.setdefault(number, now) + self._most_seconds - now

    def settle(self, number: int, error_code: int) -> None:
        """The message was answered: what becomes of a refused one is known, unless by 503."""
        if error_code == UNKNOWN_FATE:
            if len(self._tries) > MOST_KEPT:
                del self._tries[next(iter(self._tries))]
        else:
            self._tries.pop(number, None)
