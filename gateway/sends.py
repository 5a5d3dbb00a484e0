"""DECIDE in which order what one client sends goes to the router: one at a time to each target.

The routers share requests, so two messages to one room could overtake each other there. Those to
different rooms and members need not wait for each other: one of them may be asked about for long.
"""

from collections import deque
from collections.abc import Callable

Target = str | int  # a room's id, or a member's number
Send = Callable[[], None]


class Sends:
    """The messages of one connection that are not answered yet."""

    __slots__ = ("_rows", "count", "full")

    def __init__(self) -> None:
        self.count = 0
        self.full = False  # so many that no more frames are taken
        self._rows: dict[Target, deque[Send]] = {}  # behind the one under way to each target

    def add(self, target: Target, send: Send) -> None:
        """Send now, or when those before it to the same target are answered."""
        self.count += 1
        row = self._rows.get(target)
        if row is None:
            self._rows[target] = deque()
            send()
        else:
            row.append(send)

    def answered(self, target: Target) -> None:
        """The one under way to this target is: the next one follows."""
        self.count -= 1
        row = self._rows[target]
        if row:
            row.popleft()()
        else:
            del self._rows[target]
