"""DECIDE under which id a push is stored, so that a retry is stored once.

JetStream compares ids within a whole stream, which holds all rooms, or all members. So the id that
a service gave is scoped by the topic: one event may be pushed under one id to many of them.
"""

from hashlib import sha256

MOST_TOPIC = 128  # characters; a longer topic is hashed, which keeps the id small
HASH_CHARACTERS = 40


def scoped_id(topic: str, given: str) -> str:
    """Return the Nats-Msg-Id of a push to a topic, `""` when the service gave no id."""
    return f"{_scope(topic)}.{given}" if given else ""


def given_id(topic: str, message_id: str) -> str:
    """Return what the service gave: undoes scoped_id; other ids stay as they are."""
    return message_id.removeprefix(f"{_scope(topic)}.")


def _scope(topic: str) -> str:
    if len(topic) <= MOST_TOPIC:
        return topic
    return sha256(topic.encode()).hexdigest()[:HASH_CHARACTERS]  # has no dot, as each topic but one
