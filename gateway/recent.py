"""DECIDE which of a topic's messages are still here, for connections that come a little late."""

from collections.abc import Iterator

from gateway.fanout import Delivery
from gateway.settings import Limits


class Recent:
    """The last messages of a topic: all stored ones above `evicted_to`, all cast ones from
    number `evicted_casts` on (cast messages are counted from the topic's beginning).
    """

    __slots__ = ("_bytes", "_limits", "deliveries", "evicted_casts", "evicted_to", "newest")

    def __init__(self, limits: Limits, received: int, casts: int) -> None:
        self._limits = limits
        self._bytes = 0
        self.deliveries: list[Delivery] = []  # a deque would take 0.6 KB of each room
        self.newest = 0  # the highest sequence here
        self.evicted_to = received
        self.evicted_casts = casts

    def append(self, delivery: Delivery) -> None:
        """Add the newest; the oldest go where there are too many or too large ones."""
        self.deliveries.append(delivery)
        self.newest = max(self.newest, delivery.sequence)
        self._bytes += len(delivery.body)
        limits = self._limits
        while len(self.deliveries) > limits.recent_messages or self._bytes > limits.recent_bytes:
            self._evict()

    def since(self, casts: int) -> Iterator[Delivery]:
        """Yield the stored messages, and the cast ones from this number on."""
        number = self.evicted_casts
        for one in self.deliveries:
            if one.sequence:
                yield one
            else:
                if number >= casts:
                    yield one
                number += 1

    def _evict(self) -> None:
        oldest = self.deliveries.pop(0)
        self._bytes -= len(oldest.body)
        if oldest.sequence:
            self.evicted_to = max(self.evicted_to, oldest.sequence)
        else:
            self.evicted_casts += 1
