"""Fuzz ids on their way to subjects and back, and subjects as anybody may publish them.

A finding is an id that changes on its way, that can be mistaken for the syntax of subjects, or an
exception other than ValueError.
"""

import re
from contextlib import suppress

from schemas.subjects import (
    MAX_ID_BYTES,
    IdRefused,
    Subjects,
    decode_token,
    encode_token,
    member_topic,
    room_topic,
    topic_room,
    topic_room_type,
)
from tests.fuzz.running import fuzz

TOKEN = re.compile(r"[A-Za-z0-9_=-]+")
SURROGATE = re.compile("[\ud800-\udfff]")
INT32, INT64 = 2**31, 2**63
SUBJECTS = Subjects("goim")


def check_input(data: bytes) -> None:
    """Use the first 12 bytes as numbers, the rest as an id and as a subject."""
    operation = int.from_bytes(data[:4], "big") - INT32
    mid = int.from_bytes(data[4:12], "big") % INT64
    text = data[12:].decode("utf-8", "surrogateescape")
    _check_token(text)
    _check_room(text, mid, operation)
    _check_foreign(text)
    topic = member_topic(mid)
    assert SUBJECTS.pushed_topic(SUBJECTS.push(topic, operation)) == (topic, operation)
    assert SUBJECTS.direct_parts(SUBJECTS.direct(mid, 7, operation)) == (mid, 7, operation)


def _check_token(text: str) -> None:
    try:
        token = encode_token(text)
    except IdRefused:
        size = len(text.encode("utf-8", "surrogateescape"))
        assert SURROGATE.search(text) or not 1 <= size <= MAX_ID_BYTES
        return
    assert TOKEN.fullmatch(token)
    assert len(token) <= 3 * MAX_ID_BYTES
    assert decode_token(token) == text


def _check_room(room: str, mid: int, operation: int) -> None:
    try:
        topic = room_topic(room)
    except IdRefused:
        return
    assert topic_room(topic) == room
    kind, separator, _ = room.partition("://")
    assert topic_room_type(topic) == (kind if separator else "")
    assert topic.count(".") == 2
    assert all(TOKEN.fullmatch(word) for word in topic.split("."))
    assert SUBJECTS.pushed_topic(SUBJECTS.push(topic, operation)) == (topic, operation)
    upstream = SUBJECTS.upstream(room, mid, operation)
    assert SUBJECTS.upstream_parts(upstream) == (topic, mid, operation)


def _check_foreign(subject: str) -> None:
    """What others publish may be no subject of ours: that is said by ValueError alone."""
    for reading in (
        decode_token,
        topic_room,
        SUBJECTS.pushed_topic,
        SUBJECTS.upstream_parts,
        SUBJECTS.direct_parts,
    ):
        for one in (
            subject,
            f"goim.push.{subject}",
            f"goim.up.{subject}",
            f"goim.direct.{subject}",
        ):
            with suppress(ValueError):
                reading(one)


if __name__ == "__main__":
    fuzz(check_input)
