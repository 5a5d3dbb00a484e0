"""DECIDE what a client has received and handled, per topic, and what of it is a repeat.

A run of pushed frames begins with an op 19 frame that tells the sequence of its last stored
message, all 64 bits; each frame carries the low 32 bits of its own (as int32), 0 when it was not
stored. Two numbers a topic are kept: *received* is in the client's buffer (what is not above it
is a repeat), *handled* is done with by the application (what a new connection resumes from, and
what op 18 acknowledges).
"""

from collections.abc import Collection, Mapping
from typing import Any

from goimbus.messages import ALL_TOPIC, MEMBER_TOPIC, ROOM_PREFIX, topic_room

WRAP = 2**32
MOST_OWN = 1000  # of what this client sent and the server may replay to it


class Positions:
    """The positions of one client, over all its connections."""

    def __init__(self, resume: Mapping[str, int] | None = None) -> None:
        self._handled = {topic: number for topic, number in (resume or {}).items() if number >= 0}
        self._newest = {topic: number for topic, number in (resume or {}).items() if number < 0}
        self._received = dict(self._handled)
        self._own: dict[tuple[str, int], None] = {}
        self._unacknowledged: set[str] = set()
        self.repeats = 0

    @property
    def handled(self) -> dict[str, int]:
        """The last sequence handled, by topic: what to resume from in another process."""
        return dict(self._handled)

    def resume(self, rooms: Collection[str]) -> dict[str, Any]:
        """Return the `resume` of the auth frame with these rooms: "" stands for what is no room's.

        A negative number -n asks for the newest n.
        """
        known = {**self._newest, **self._handled}
        return positions_to_json(
            {one: number for one, number in known.items() if topic_room(one) in rooms}
        )

    @property
    def rooms(self) -> list[str]:
        """The rooms of which something is known."""
        return [topic_room(one) for one in {**self._newest, **self._handled} if topic_room(one)]

    def known(self, topic: str) -> int | None:
        """Return where to resume one topic, None where nothing is known of it."""
        return self._handled.get(topic, self._newest.get(topic))

    def want_newest(self, topic: str, count: int) -> None:
        """Ask for the newest messages of a topic of which nothing is known."""
        self._newest[topic] = -count

    def receive(self, topic: str, last: int, low: int) -> int | None:
        """Return the whole sequence of a pushed frame, 0 if not stored, None for a repeat.

        `last` is the sequence at the end of its run.
        """
        if low == 0:
            return 0
        sequence = last - (last - low) % WRAP
        if sequence <= self._received.get(topic, 0):
            self.repeats += 1
            return None
        self._received[topic] = sequence
        if (topic, sequence) in self._own:
            del self._own[(topic, sequence)]
            return None
        return sequence

    def complete(self, topic: str, sequence: int) -> None:
        """Take note that the server has nothing more up to there: the topic is live now.

        One below what was received means that the stream began anew: the old numbers are void.
        """
        if sequence < self._received.get(topic, 0):
            self._handled[topic] = min(sequence, self._handled.get(topic, 0))
        self._received[topic] = sequence
        self._own = {one: None for one in self._own if one[0] != topic or one[1] > sequence}

    def skip(self, topic: str, to: int) -> None:
        """Take note that what is missing up to there is gone."""
        self._received[topic] = max(self._received.get(topic, 0), to)

    def sent(self, topic: str, sequence: int) -> None:
        """Remember an own message, which another connection of this client may be replayed."""
        if sequence > self._received.get(topic, 0):
            self._own[(topic, sequence)] = None
            if len(self._own) > MOST_OWN:
                del self._own[next(iter(self._own))]

    def handle(self, topic: str, sequence: int) -> None:
        """Take note that the application is done with everything up to this sequence."""
        if sequence > self._handled.get(topic, -1):
            self._handled[topic] = sequence
            self._unacknowledged.add(topic)

    def acknowledge(self) -> dict[str, Any]:
        """Return the body of the next op 18, empty when there is nothing to say."""
        topics = {topic: self._handled[topic] for topic in sorted(self._unacknowledged)}
        self._unacknowledged.clear()
        return positions_to_json(topics)


def positions_to_json(topics: Mapping[str, int]) -> dict[str, Any]:
    """Return `{"member": n, "all": n, "rooms": {room: n}}`, each only where there is one."""
    values: dict[str, Any] = {
        topic: topics[topic] for topic in (MEMBER_TOPIC, ALL_TOPIC) if topic in topics
    }
    rooms = {topic_room(one): n for one, n in topics.items() if one.startswith(ROOM_PREFIX)}
    if rooms:
        values["rooms"] = rooms
    return values
