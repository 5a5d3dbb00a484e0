"""DECIDE which messages were stored a moment ago, so that a retry of one needs no answer of NATS.

JetStream knows them too, and for longer; but it refuses a whole batch for one id that is there
already, and splitting the batch costs all the others time. So one client that sends its messages
again and again must not do that to everybody.
"""

from collections import OrderedDict

MOST_IDS = 50_000  # of one stream; the oldest go first


class RecentIds:
    """Ids with the sequences under which their messages are, for so many seconds."""

    def __init__(self, seconds: float, most: int = MOST_IDS) -> None:
        self._seconds = seconds
        self._most = most
        # The oldest first. A dict would look through the places of all that left to find it.
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, message_id: str, sequence: int, now: float) -> None:
        """Note a message that is stored. One that is known stays as it is."""
        known = self._known
        if message_id not in known:
            known[message_id] = sequence, now
        while known:
            oldest = next(iter(known))
            if len(known) <= self._most and known[oldest][1] + self._seconds > now:
                return
            del known[oldest]

    def sequence(self, message_id: str, now: float) -> int:
        """Return under which sequence the message is stored, 0 when that is not known here."""
        sequence, since = self._known.get(message_id, (0, 0.0))
        return sequence if since + self._seconds > now else 0
