"""DECIDE what a member has read and what is unread, in rooms and with peers.

What a member sends counts as read, and all before it: so nothing unread is the member's own, and
what was read needs to be kept only where the member has not answered.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.messages_pb2 import Conversation, ConversationsRequest, ReadReply, ReadState
from schemas.subjects import IdRefused, member_topic, room_topic
from store.conversations import Conversations
from store.errors import FieldRefused
from store.index import TopicIndex
from store.last_sent import LastSent
from store.positions import MOST_READ
from store.topics import MOST_MEMBER

DEFAULT_CONVERSATIONS = 50
MOST_CONVERSATIONS = 500


class Known(NamedTuple):
    """What the store knows of all messages, and what one member has read, by topic."""

    rooms: TopicIndex
    last_sent: LastSent
    talks: Conversations
    mid: int
    read: Mapping[str, int]
    room_end: int  # the streams end here
    member_end: int


def room_state(known: Known, topic: str) -> ReadState:
    """Return how it stands with a room."""
    last = known.rooms.last(topic)
    sent = known.last_sent.of(topic, known.mid)
    read = max(_within(known.read.get(topic, 0), known.room_end), sent)
    return ReadState(read=read, last=last, unread=known.rooms.count_after(topic, read))


def peer_state(known: Known, peer: int) -> ReadState:
    """Return how it stands with the direct messages with a peer."""
    talks, mid = known.talks, known.mid
    last = talks.last(mid, peer)
    kept = _within(known.read.get(member_topic(peer), 0), known.member_end)
    read = max(kept, talks.last_sent(mid, peer))
    return ReadState(read=read, last=last, unread=talks.count_after(mid, peer, read))


def read_reply(
    known: Known, rooms: Iterable[tuple[str, str]], peers: Iterable[int], more: bool = False
) -> ReadReply:
    """Return how it stands with rooms, given as ids and topics, and with peers."""
    reply = ReadReply(more=more)
    for room, topic in rooms:
        reply.rooms[room].CopyFrom(room_state(known, topic))
    for peer in peers:
        reply.members[peer].CopyFrom(peer_state(known, peer))
    return reply


def newly_read(known: Known, given: Mapping[str, int], peers: Mapping[int, int]) -> dict[str, int]:
    """Return what must be kept of what the member says it has read; beyond the last is the last.

    `given` is by room topic, `peers` by peer.
    """
    changes = {}
    for topic, sequence in given.items():
        read = min(sequence, known.rooms.last(topic))
        if read > room_state(known, topic).read:
            changes[topic] = read
    for peer, sequence in peers.items():
        read = min(sequence, known.talks.last(known.mid, peer))
        if read > peer_state(known, peer).read:
            changes[member_topic(peer)] = read
    return changes


def page_of_conversations(
    known: Known, request: ConversationsRequest
) -> tuple[list[Conversation], bool]:
    """Return the conversations below `before`, the newest first, and whether there are more."""
    limit = min(request.limit or DEFAULT_CONVERSATIONS, MOST_CONVERSATIONS)
    found = known.talks.peers(known.mid)
    if request.before:
        found = [pair for pair in found if pair[0] < request.before]
    page = [Conversation(peer=peer, state=peer_state(known, peer)) for _, peer in found[:limit]]
    return page, len(found) > limit


def check_member(mid: int) -> None:
    """Raises FieldRefused for an anonymous client."""
    if not 0 < mid <= MOST_MEMBER:
        raise FieldRefused("mid: only a member has read something")


def check_peers(peers: Iterable[int]) -> None:
    """Raises FieldRefused for one that is no member."""
    for peer in peers:
        if not 0 < peer <= MOST_MEMBER:
            raise FieldRefused(f"members: {peer} is no member")


def room_topics(rooms: Iterable[str]) -> dict[str, str]:
    """Return the topics of rooms by their ids. Raises FieldRefused."""
    try:
        return {room: room_topic(room) for room in rooms}
    except IdRefused as refused:
        raise FieldRefused(f"rooms: {refused}") from None


def check_count(count: int) -> None:
    """Raises FieldRefused for more rooms and peers than are kept for a member."""
    if count > MOST_READ:
        raise FieldRefused(f"{count} rooms and members in one request, at most {MOST_READ}")


def _within(read: int, end: int) -> int:
    """Return what was read; nothing, where it is from another life of the stream."""
    return read if read <= end else 0
