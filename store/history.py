"""DECIDE which messages a page of history holds."""

from schemas.messages_pb2 import HistoryRequest
from store.replay import Page, Start, TopicState, page_after

DEFAULT_MESSAGES = 50
MOST_MESSAGES = 500


def plan_history(request: HistoryRequest, stream: str, state: TopicState) -> Page:
    """Return the page: forward from `after`, else backward from `before` (0: from the end).

    With both, forward from `after` and ending below `before`.
    """
    limit = min(request.limit or DEFAULT_MESSAGES, MOST_MESSAGES)
    if not request.after:
        return _page_before(request.before, stream, state, limit)
    gone = max(state.index.trimmed_to(state.topic), state.lost_to)
    start = Start(request.after, gone if gone > request.after else 0)
    if not request.before:
        return page_after(stream, state, start, limit)
    found = state.index.after(state.topic, request.after, limit + 1)
    inside = [sequence for sequence in found if sequence < request.before]
    end = min(state.end, request.before - 1)
    return Page(stream, state.topic, start, inside[:limit], end, len(inside) > limit)


def _page_before(before: int, stream: str, state: TopicState, limit: int) -> Page:
    index, topic = state.index, state.topic
    found = index.before(topic, before or state.end + 1, limit + 1)
    end = min(state.end, before - 1) if before else state.end
    start = Start(index.trimmed_to(topic))
    more = len(found) > limit
    return Page(stream, topic, start, found[-limit:], end, more, newest_first=True)
