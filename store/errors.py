"""What the store can't do.

BusError (bus/errors.py; becomes 503, "later")
├── StreamWentBack      a stream ends before what was read of it
└── PositionsContended  other store processes kept changing the same position
StoreError
├── TopicRefused        that is no topic
├── FieldRefused        a field of a request can't be used
└── PositionRefused     that is no position
"""

from bus.errors import BusError


class StreamWentBack(BusError):
    """A stream ends before what was read of it: it was made anew, or its new leader lags."""

    def __init__(self, stream: str, last: int, reached: int) -> None:
        self.stream = stream
        self.last = last
        self.reached = reached

    def __str__(self) -> str:
        return f"{self.stream} ends at {self.last}, it was read up to {self.reached}"


class PositionsContended(BusError):
    """Other store processes kept changing the same position; nothing of it was written."""

    def __init__(self, key: str, attempts: int) -> None:
        self.key = key
        self.attempts = attempts

    def __str__(self) -> str:
        return f"the position {self.key} changed under {self.attempts} attempts to write it"


class StoreError(Exception):
    """The store refuses it."""


class TopicRefused(StoreError):
    """A text is no topic in the form of schemas/subjects.py."""

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def __str__(self) -> str:
        return f"{self.topic[:100]!r} is no topic: room.<type>.<id>, member.<mid> or all"


class FieldRefused(StoreError):
    """A field of a request is missing or can't be used."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return self.words


class PositionRefused(StoreError):
    """A device position can't be kept."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __str__(self) -> str:
        return f"position refused: {self.reason}"
