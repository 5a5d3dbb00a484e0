"""DECIDE which messages wait behind something that is not known yet."""

from typing import NamedTuple

from gateway.fanout import Delivery
from gateway.settings import Limits


class HeldMessage(NamedTuple):
    """A kept message, and the sequence before it on its subject."""

    delivery: Delivery
    last_sequence: int


class Held:
    """Messages that wait, as many as a topic keeps; those beyond are read from the store later."""

    __slots__ = ("_bytes", "messages", "overflowed")

    def __init__(self) -> None:
        self._bytes = 0
        self.messages: list[HeldMessage] = []
        self.overflowed = False

    def append(self, delivery: Delivery, last_sequence: int, limits: Limits) -> None:
        """Add the newest, or note that it is missing."""
        size = self._bytes + len(delivery.body)
        if len(self.messages) >= limits.recent_messages or size > limits.recent_bytes:
            self.overflowed = True
            return
        self._bytes = size
        self.messages.append(HeldMessage(delivery, last_sequence))
