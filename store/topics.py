"""DECIDE whether a text is a topic, and which stream keeps it."""

import re
from typing import Literal

from schemas.subjects import ALL_TOPIC, MAX_ID_BYTES, room_topic, topic_room
from store.errors import TopicRefused

Kind = Literal["ROOM", "MEMBER", "ALL"]
KINDS: tuple[Kind, ...] = ("ROOM", "MEMBER", "ALL")

MOST_MEMBER = 2**63 - 1  # goim's mid is an int64
_CHARACTER = r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})"
_TOKEN = rf"{_CHARACTER}{{1,{MAX_ID_BYTES}}}"
_ROOM = re.compile(rf"room\.(?:=|{_TOKEN})\.{_TOKEN}")
_MEMBER = re.compile(r"member\.([1-9][0-9]{0,18})")


def topic_kind(topic: str) -> Kind:
    """Return which stream keeps a topic. Raises TopicRefused for anything that is none."""
    if topic == ALL_TOPIC:
        return "ALL"
    if topic.startswith("room."):
        if _ROOM.fullmatch(topic) and ("=" not in topic or _is_encoded(topic)):
            return "ROOM"
    else:
        member = _MEMBER.fullmatch(topic)
        if member and int(member[1]) <= MOST_MEMBER:
            return "MEMBER"
    raise TopicRefused(topic)


def _is_encoded(topic: str) -> bool:
    """Tell whether the one encoding of some room id is this topic."""
    try:
        return room_topic(topic_room(topic)) == topic
    except UnicodeDecodeError:
        return False
