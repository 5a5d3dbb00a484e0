"""DECIDE which messages a page of history holds: of a topic, or of two members' direct messages."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from schemas.messages_pb2 import HistoryRequest
from schemas.subjects import IdRefused, member_topic, room_topic
from store.conversations import Conversations
from store.errors import FieldRefused
from store.replay import Page, Start, TopicState
from store.topics import topic_kind

DEFAULT_MESSAGES = 50
MOST_MESSAGES = 500

Find = Callable[[int, int], list[int]]  # a sequence and a limit to sequences, rising


class Source(NamedTuple):
    """What is paged through. All up to `gone_to` is kept no longer, if there was anything."""

    topic: str
    end: int  # the stream has been read up to here
    gone_to: int
    gap_to: int  # over 0: something up to there is known to have been lost
    after: Find
    before: Find


def asked_topic(request: HistoryRequest) -> str:
    """Return the topic that is paged through. Raises TopicRefused and FieldRefused.

    One thing is named and no other: who was allowed one of them must not get another.
    """
    named = (bool(request.topic), bool(request.room), bool(request.mid or request.peer))
    if sum(named) != 1:
        raise FieldRefused("name one of: a topic, a room, or a member by mid, and peer")
    if request.topic:
        topic_kind(request.topic)
        return request.topic
    if request.room:
        try:
            return room_topic(request.room)
        except IdRefused as refused:
            raise FieldRefused(f"room: {refused}") from None
    if request.mid <= 0 or request.peer < 0:
        raise FieldRefused("mid, and peer where it is given, are members: over 0")
    return member_topic(request.mid)


def source_of(request: HistoryRequest, state: TopicState, talks: Conversations) -> Source:
    """Return what there is of what is asked for."""
    if request.peer:
        return peer_source(state, talks, request.mid, request.peer)
    return topic_source(state)


def topic_source(state: TopicState) -> Source:
    """Return what there is of a topic."""
    index, topic = state.index, state.topic
    gone_to = index.trimmed_to(topic)
    return Source(
        topic,
        state.end,
        gone_to,
        max(gone_to, state.lost_to),
        partial(index.after, topic),
        partial(index.before, topic),
    )


def peer_source(state: TopicState, talks: Conversations, mid: int, peer: int) -> Source:
    """Return what there is of a member's direct messages with a peer.

    Nobody knows of what is gone whether it was with this peer: it is no gap.
    """
    gone_to = max(state.index.trimmed_to(state.topic), state.lost_to)
    after, before = partial(talks.after, mid, peer), partial(talks.before, mid, peer)
    return Source(state.topic, state.end, gone_to, 0, after, before)


def plan_history(request: HistoryRequest, stream: str, source: Source) -> Page:
    """Return the page: forward from `after`, else backward from `before` (0: from the end).

    With both, forward from `after` and ending below `before`.
    """
    limit = min(request.limit or DEFAULT_MESSAGES, MOST_MESSAGES)
    if request.after:
        return _page_after(request.after, request.before, stream, source, limit)
    before = min(request.before or source.end + 1, source.end + 1)
    found = source.before(before, limit + 1)
    start, more = Start(source.gone_to), len(found) > limit
    end = before - 1
    return Page(stream, source.topic, start, found[-limit:], end, more, newest_first=True)


def _page_after(after: int, before: int, stream: str, source: Source, limit: int) -> Page:
    start = Start(after, source.gap_to if source.gap_to > after else 0)
    found, end = source.after(after, limit + 1), source.end
    if before:
        found = [sequence for sequence in found if sequence < before]
        end = min(end, before - 1)
    return Page(stream, source.topic, start, found[:limit], end, len(found) > limit)
