"""Plain ints that the hot paths count in, and what they are called in `/metrics`."""

from collections import Counter
from collections.abc import Iterable

from bus.metrics import Reading


class Counters:
    """What a gateway worker counts since it started."""

    __slots__ = (
        "bytes_sent",
        "closed",
        "dropped",
        "frames_received",
        "gaps_repaired",
        "gaps_told",
        "messages_received",
        "messages_repeated",
        "messages_sent",
        "refused",
        "replayed",
    )

    def __init__(self) -> None:
        self.frames_received = 0
        self.messages_received = 0  # from NATS
        self.messages_repeated = 0  # from NATS, had already
        self.messages_sent = 0  # to clients, each connection counted
        self.bytes_sent = 0
        self.replayed = 0  # messages sent from the store
        self.gaps_repaired = 0
        self.gaps_told = 0  # retention had ended a history
        self.dropped: Counter[str] = Counter()  # messages that can be lost, by reason
        self.refused: Counter[str] = Counter()  # by limit or rule
        self.closed: Counter[int] = Counter()  # connections by close code

    def readings(self) -> Iterable[Reading]:
        """Give all of it to bus.metrics."""
        for name, words in (
            ("frames_received", "Frames from clients"),
            ("messages_received", "Messages from NATS"),
            ("messages_repeated", "Messages from NATS that had come already"),
            ("messages_sent", "Messages written to connections"),
            ("bytes_sent", "Bytes written to connections"),
            ("replayed", "Messages sent from the store"),
            ("gaps_repaired", "Losses between NATS and this gateway, read again from the store"),
            ("gaps_told", "Gap notices: retention had ended a history"),
        ):
            yield f"goim_{name}", words, "counter", (), [((), getattr(self, name))]
        for name, label, words, values in (
            ("dropped", "reason", "Unstored messages not delivered", self.dropped),
            ("refused", "rule", "What was refused, by limit or rule", self.refused),
            ("closed", "code", "Connections closed, by close code", self.closed),
        ):
            rows: list[tuple[tuple[str, ...], float]]
            rows = [((str(value),), float(count)) for value, count in values.items()]
            yield f"goim_{name}", words, "counter", (label,), rows
