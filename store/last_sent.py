"""DECIDE up to where each member has sent something to a room, in memory.

For each room one array of 64-bit integers: sequence and sender, in turn, sequences rising. When
half of it may be told twice, only each sender's last message stays. So a room costs 16 to 32 bytes
for each of its senders, never more than 16 for each message that is retained.
"""

from array import array
from bisect import bisect_right

from schemas.headers import FROM, header_number
from store.topics import MOST_MEMBER

LEAST_PAIRS = 16  # of a room, before it is looked at for senders that are there twice


class LastSent:
    """The last message of each sender of each room that is still retained."""

    def __init__(self) -> None:
        self.pairs = 0  # of a message and its sender
        self._rooms: dict[str, array[int]] = {}
        self._thin_at: dict[str, int] = {}  # pairs, of rooms with more senders than usual

    def note(self, topic: str, sequence: int, headers: bytes) -> None:
        """Take in a stored message of a room; one that no member sent is ignored."""
        sender = header_number(headers, FROM)
        if not 0 < sender <= MOST_MEMBER:
            return
        sent = self._rooms.get(topic)
        if sent is None:
            sent = self._rooms[topic] = array("q")
        elif sequence <= sent[-2]:
            return
        sent.append(sequence)
        sent.append(sender)
        self.pairs += 1
        if len(sent) > 2 * self._thin_at.get(topic, LEAST_PAIRS):
            self._thin(topic, sent)

    def of(self, topic: str, mid: int) -> int:
        """Return the sequence of a member's last message to a room, 0 when none is known."""
        sent = self._rooms.get(topic)
        if sent is None:
            return 0
        newest_first = sent[::-2]  # the senders alone
        try:
            place = newest_first.index(mid)
        except ValueError:
            return 0
        return sent[len(sent) - 2 * place - 2]

    def trim(self, topic: str, gone_to: int) -> None:
        """Let go of what is gone from a room."""
        sent = self._rooms.get(topic)
        if sent is None or sent[0] > gone_to:
            return
        if sent[-2] <= gone_to:
            del self._rooms[topic]
            self.pairs -= len(sent) // 2
            self._thin_at.pop(topic, None)
            return
        pairs = bisect_right(range(len(sent) // 2), gone_to, key=lambda pair: sent[2 * pair])
        del sent[: 2 * pairs]
        self.pairs -= pairs

    def discard(self, topic: str, sequence: int) -> None:
        """A message was deleted from the stream on its own; that it was sent stays true."""

    def clear(self) -> None:
        """Forget everything: the stream was made anew."""
        self._rooms.clear()
        self._thin_at.clear()
        self.pairs = 0

    def _thin(self, topic: str, sent: "array[int]") -> None:
        """Keep each sender's last message."""
        last = {sent[place + 1]: sent[place] for place in range(0, len(sent), 2)}
        thinned = array("q")
        for sender, sequence in sorted(last.items(), key=lambda pair: pair[1]):
            thinned.append(sequence)
            thinned.append(sender)
        self._rooms[topic] = thinned
        self.pairs -= (len(sent) - len(thinned)) // 2
        self._thin_at[topic] = max(LEAST_PAIRS, len(thinned))  # that is twice its pairs
