"""DECIDE which sequences of a stream belong to a topic, and which of them are gone.

One array of 64-bit integers for each topic: first the highest sequence known to be gone (0: none
was), then the sequences that can still be had, rising. So a gap can be told from silence, and a
topic costs its name, an array and 8 bytes a message.
"""

from array import array
from bisect import bisect_left, bisect_right


class TopicIndex:
    """The topics of one stream. All of `trimmed_to` and below is gone from a topic."""

    def __init__(self) -> None:
        self.messages = 0
        self.unsaved: set[str] = set()  # topics whose trimmed_to moved since it was saved
        self._topics: dict[str, array[int]] = {}

    def __len__(self) -> int:
        return len(self._topics)

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def append(self, topic: str, sequence: int, most: int) -> None:
        """Add a topic's newest message and let go of its oldest beyond `most`.

        Sequences that are not above all of the topic's are ignored: those are known, or gone.
        """
        sequences = self._topics.get(topic)
        if sequences is None:
            sequences = self._topics[topic] = array("Q", (0,))
        elif sequence <= sequences[-1]:
            return
        sequences.append(sequence)
        self.messages += 1
        if len(sequences) - 1 > most:
            self._drop(topic, sequences, len(sequences) - most)

    def trim_to(self, topic: str, sequence: int) -> None:
        """Let go of the messages up to a sequence, because of their age."""
        sequences = self._topics.get(topic)
        if sequences is not None and len(sequences) > 1 and sequences[1] <= sequence:
            self._drop(topic, sequences, bisect_right(sequences, sequence, 1))

    def trim_to_count(self, topic: str, most: int) -> None:
        """Let go of the oldest messages, so that `most` remain."""
        sequences = self._topics.get(topic)
        if sequences is not None and len(sequences) - 1 > most:
            self._drop(topic, sequences, len(sequences) - most)

    def mark_gone(self, topic: str, sequence: int) -> None:
        """Take in a saved `trimmed_to`."""
        self.trim_to(topic, sequence)
        sequences = self._topics.setdefault(topic, array("Q", (0,)))
        if sequences[0] <= sequence:
            sequences[0] = sequence
            self.unsaved.discard(topic)

    def discard(self, topic: str, sequence: int) -> None:
        """Forget one message that was deleted from the stream on its own."""
        sequences = self._topics.get(topic)
        if sequences is None:
            return
        place = bisect_left(sequences, sequence, 1)
        if place < len(sequences) and sequences[place] == sequence:
            del sequences[place]
            self.messages -= 1

    def after(self, topic: str, sequence: int, limit: int) -> list[int]:
        """Return the next `limit` sequences above one, rising."""
        sequences = self._topics.get(topic)
        if sequences is None or sequences[-1] <= sequence:
            return []
        place = bisect_right(sequences, sequence, 1)
        return sequences[place : place + limit].tolist()

    def count_after(self, topic: str, sequence: int) -> int:
        """Return how many messages there are above a sequence."""
        sequences = self._topics.get(topic)
        if sequences is None or sequences[-1] <= sequence:
            return 0
        return len(sequences) - bisect_right(sequences, sequence, 1)

    def before(self, topic: str, sequence: int, limit: int) -> list[int]:
        """Return the last `limit` sequences below one, rising."""
        sequences = self._topics.get(topic)
        if sequences is None:
            return []
        place = bisect_left(sequences, sequence, 1)
        return sequences[max(1, place - limit) : place].tolist()

    def newest(self, topic: str, count: int) -> list[int]:
        """Return the last `count` sequences, rising."""
        sequences = self._topics.get(topic)
        if sequences is None:
            return []
        return sequences[max(1, len(sequences) - count) :].tolist()

    def last(self, topic: str) -> int:
        """Return the highest sequence the topic ever had, gone or not; 0: none is known."""
        sequences = self._topics.get(topic)
        return sequences[-1] if sequences is not None else 0

    def trimmed_to(self, topic: str) -> int:
        """Return the highest sequence of the topic that is gone; 0: nothing is."""
        sequences = self._topics.get(topic)
        return sequences[0] if sequences is not None else 0

    def topics(self) -> list[str]:
        """Return the names of all topics, as they are now."""
        return list(self._topics)

    def clear(self) -> None:
        """Forget everything: the stream was made anew."""
        self._topics.clear()
        self.unsaved.clear()
        self.messages = 0

    def _drop(self, topic: str, sequences: "array[int]", place: int) -> None:
        """Let go of the messages in front of `place`; the last of them becomes trimmed_to."""
        sequences[0] = sequences[place - 1]
        del sequences[1:place]
        self.messages -= place - 1
        self.unsaved.add(topic)
