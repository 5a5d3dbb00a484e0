"""DECIDE which sequences are direct messages of a member with a peer, in memory.

A direct message is stored in the topics of both members; each copy is known under its own member
and the other one. One array of 64-bit integers for each pair: first the last sequence that the
member sent himself (0: none), then the sequences that can still be had, rising.
"""

from array import array
from bisect import bisect_left, bisect_right

from schemas.headers import FROM, TO, header_number
from store.topics import MOST_MEMBER


class _Member:
    """One member's peers. All of `gone_to` and below has been let go of."""

    __slots__ = ("gone_to", "peers")

    def __init__(self) -> None:
        self.gone_to = 0
        self.peers: dict[int, array[int]] = {}


class Conversations:
    """The direct messages of all members. What retention takes from a member's topic goes here."""

    def __init__(self) -> None:
        self.messages = 0
        self._pairs = 0
        self._members: dict[int, _Member] = {}

    def __len__(self) -> int:
        """How many pairs of a member and a peer have messages."""
        return self._pairs

    def note(self, topic: str, sequence: int, headers: bytes) -> None:
        """Take in a stored message of a member's topic; what is no direct message is ignored."""
        recipient = header_number(headers, TO)
        sender = header_number(headers, FROM) if recipient else 0  # most have one of both at most
        if not 0 < sender <= MOST_MEMBER or recipient > MOST_MEMBER:
            return
        mid = _mid(topic)
        if mid == sender:
            self.append(mid, recipient, sequence, own=True)
        elif mid == recipient:
            self.append(mid, sender, sequence, own=False)

    def append(self, mid: int, peer: int, sequence: int, own: bool) -> None:
        """Add a member's newest message with a peer; one that is not above all others is known."""
        member = self._members.get(mid)
        if member is None:
            member = self._members[mid] = _Member()
        talk = member.peers.get(peer)
        if talk is None:
            talk = member.peers[peer] = array("Q", (0,))
            self._pairs += 1
        elif sequence <= talk[-1]:
            return
        talk.append(sequence)
        self.messages += 1
        if own:
            talk[0] = sequence

    def trim(self, topic: str, gone_to: int) -> None:
        """Let go of what is gone from a member's topic; conversations without messages end."""
        mid = _mid(topic)
        member = self._members.get(mid)
        if member is None or gone_to <= member.gone_to:
            return
        member.gone_to = gone_to
        for peer, talk in list(member.peers.items()):
            if talk[1] > gone_to:
                continue
            place = bisect_right(talk, gone_to, 1)
            self._drop(member, peer, talk, slice(1, place))
        if not member.peers:
            del self._members[mid]

    def discard(self, topic: str, sequence: int) -> None:
        """Forget one message that was deleted from the stream on its own."""
        mid = _mid(topic)
        member = self._members.get(mid)
        if member is None:
            return
        for peer, talk in list(member.peers.items()):
            place = bisect_left(talk, sequence, 1)
            if place < len(talk) and talk[place] == sequence:
                self._drop(member, peer, talk, slice(place, place + 1))
        if not member.peers:
            del self._members[mid]

    def after(self, mid: int, peer: int, sequence: int, limit: int) -> list[int]:
        """Return the next `limit` sequences above one, rising."""
        talk = self._talk(mid, peer)
        if talk is None:
            return []
        place = bisect_right(talk, sequence, 1)
        return talk[place : place + limit].tolist()

    def before(self, mid: int, peer: int, sequence: int, limit: int) -> list[int]:
        """Return the last `limit` sequences below one, rising."""
        talk = self._talk(mid, peer)
        if talk is None:
            return []
        place = bisect_left(talk, sequence, 1)
        return talk[max(1, place - limit) : place].tolist()

    def count_after(self, mid: int, peer: int, sequence: int) -> int:
        """Return how many messages there are above a sequence."""
        talk = self._talk(mid, peer)
        return 0 if talk is None else len(talk) - bisect_right(talk, sequence, 1)

    def last(self, mid: int, peer: int) -> int:
        """Return the newest sequence, 0 when there is none."""
        talk = self._talk(mid, peer)
        return 0 if talk is None else talk[-1]

    def last_sent(self, mid: int, peer: int) -> int:
        """Return the newest sequence that the member sent himself, 0 when there is none."""
        talk = self._talk(mid, peer)
        return 0 if talk is None else talk[0]

    def peers(self, mid: int) -> list[tuple[int, int]]:
        """Return the newest sequence with each peer and that peer, the newest first."""
        member = self._members.get(mid)
        if member is None:
            return []
        return sorted(((talk[-1], peer) for peer, talk in member.peers.items()), reverse=True)

    def clear(self) -> None:
        """Forget everything: the stream was made anew."""
        self._members.clear()
        self.messages = self._pairs = 0

    def _talk(self, mid: int, peer: int) -> "array[int] | None":
        member = self._members.get(mid)
        return None if member is None else member.peers.get(peer)

    def _drop(self, member: _Member, peer: int, talk: "array[int]", part: slice) -> None:
        before = len(talk)
        del talk[part]
        self.messages -= before - len(talk)
        if len(talk) == 1:
            del member.peers[peer]
            self._pairs -= 1


def _mid(topic: str) -> int:
    """Return the member of a topic; 0 for a topic that somebody made up."""
    text = topic.partition(".")[2]
    return int(text) if text.isascii() and text.isdigit() else 0
