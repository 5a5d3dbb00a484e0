"""DECIDE what a message read from a stream says: headers and payload in, StoredMessage out.

A publisher may have written `Nats-` headers of its own; nats-server's come after them, and of
each header the last value counts (schemas/headers.py).
"""

from schemas.headers import (
    FROM,
    SESSION,
    STAMP,
    SUBJECT,
    TIME,
    TO,
    header_number,
    header_value,
)
from schemas.messages_pb2 import StoredMessage, TopicMessages
from schemas.subjects import Subjects
from schemas.times import unix_milliseconds
from schemas.wire import entry

MOST_OPERATION = 2**31 - 1  # a frame's operation is an int32
MOST_MEMBER = 2**63 - 1
_OWN_HEADERS = b"\r\nGoim-"  # most messages have none: they are looked for only then


def push_head(subjects: Subjects) -> str:
    """Return what the subjects of all stored messages begin with, the last dot included."""
    return subjects.push("", "")[:-1]


def split_subject(head: str, subject: str) -> tuple[str, int] | None:
    """Return topic and operation of a stored message; None for one that no frame can carry."""
    topic, _, operation = subject[len(head) :].rpartition(".")
    if not operation.isascii() or not operation.removeprefix("-").isdigit():
        return None
    number = int(operation) if len(operation) < 12 else MOST_OPERATION + 1
    return (topic, number) if -MOST_OPERATION - 1 <= number <= MOST_OPERATION else None


def encode_message(head: str, sequence: int, headers: bytes, payload: bytes) -> bytes | None:
    """Return the answer to a direct get as an encoded StoredMessage; None if it is unreadable."""
    parts = split_subject(head, header_value(headers, SUBJECT))
    if parts is None:
        return None
    message = StoredMessage(
        sequence=sequence,
        operation=parts[1],
        body=payload,
        time_ms=unix_milliseconds(headers, TIME),
    )
    if _OWN_HEADERS in headers:
        sender, recipient = header_number(headers, FROM), header_number(headers, TO)
        message.sender = sender if sender <= MOST_MEMBER else 0
        message.recipient = recipient if recipient <= MOST_MEMBER else 0
        message.stamp = header_value(headers, STAMP) == "1"
        message.session = header_value(headers, SESSION)
    return message.SerializeToString()


def as_entry(message: bytes) -> bytes:
    """Return an encoded StoredMessage as an encoded entry of TopicMessages.messages."""
    return entry(TopicMessages.MESSAGES_FIELD_NUMBER, message)
