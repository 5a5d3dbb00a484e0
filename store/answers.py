"""DECIDE how pages become the messages of a reply."""

from schemas.messages_pb2 import TopicMessages
from store.message import as_entry
from store.replay import Page

REFUSED = 400
LATER = 503


def encode_page(page: Page) -> TopicMessages:
    """Return a page as it travels, the messages oldest first."""
    answer = TopicMessages(
        topic=page.topic,
        reached=page.reached,
        more=page.more,
        started_after=page.started_after,
        gap_to=page.gap_to,
    )
    if page.messages:
        answer.MergeFromString(b"".join(map(as_entry, page.in_order())))
    return answer


def refused_topic(topic: str, words: str) -> TopicMessages:
    """Return the answer to a want that can't be served."""
    return _without_messages(topic, REFUSED, words, "never")


def deferred_topic(topic: str) -> TopicMessages:
    """Return the answer to a want of a device of which is not known yet where it is."""
    return _without_messages(topic, LATER, "the device has not left another gateway yet", "later")


def _without_messages(topic: str, code: int, words: str, retry: str) -> TopicMessages:
    answer = TopicMessages(topic=topic)
    answer.error.code, answer.error.message, answer.error.retry = code, words, retry
    return answer
