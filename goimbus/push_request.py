"""DECIDE what a push is by HTTP and on NATS, and what an answer says has become of it."""

from dataclasses import dataclass
from json import JSONDecodeError, loads
from typing import Any, Literal
from urllib.parse import urlencode

from schemas.headers import MESSAGE_ID, SPEED, encode_headers
from schemas.messages_pb2 import PushReply
from schemas.scoped_ids import scoped_id
from schemas.subjects import ALL_TOPIC, Subjects, member_topic, room_topic

Kind = Literal["room", "member", "key", "all"]


class PushFailed(Exception):
    """A push did not come about; the words say why."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Push:
    """One message to a room (`live://1000`), member (a number), connection key, or all."""

    kind: Kind
    target: str
    operation: int
    body: bytes
    speed: int = 0  # connections a second, for all; 0: at once
    id: str = ""  # the same id again is stored once


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push. `sessions` and `dropped` are None where nobody counted."""

    kind: Kind
    sequences: tuple[int, ...] = ()
    sessions: int | None = None
    dropped: int | None = None
    duplicate: bool = False

    @property
    def sentence(self) -> str:
        """Say it in words."""
        numbers = ", ".join(str(number) for number in self.sequences)
        words = [f"stored as {numbers}" if numbers else "not stored"]
        if self.duplicate:
            words[0] += " before"
        if self.sessions is not None and self.kind in ("member", "key"):
            words.append(
                f"{self.sessions} {'session' if self.sessions == 1 else 'sessions'} online"
            )
        if self.dropped:
            words.append(f"{self.dropped} dropped: their connections did not read")
        return ", ".join(words)

    @property
    def is_lost(self) -> bool:
        """Tell whether nobody got it and nobody will: a push to a key is not kept."""
        reached = (self.sessions or 0) - (self.dropped or 0)
        return self.kind == "key" and self.sessions is not None and reached <= 0


def http_path(push: Push) -> str:
    """Return path and query of goim's HTTP API. Raises PushFailed."""
    query: dict[str, Any] = {"operation": push.operation}
    route = {"room": "room", "member": "mids", "key": "keys", "all": "all"}[push.kind]
    if push.kind == "room":
        query["type"], separator, query["room"] = push.target.partition("://")
        if not separator:
            raise PushFailed(f"{push.target!r} is no room id such as live://1000")
    elif push.kind == "member":
        query["mids"] = push.target
    elif push.kind == "key":
        query["keys"] = push.target
    elif push.speed:
        query["speed"] = push.speed
    if push.id:
        query["id"] = push.id
    return f"/goim/push/{route}?{urlencode({**query, 'detail': 1})}"


def read_http_answer(kind: Kind, answer: bytes) -> Pushed:
    """Return what the answer says. Raises PushFailed."""
    try:
        values = loads(answer)
        code, message, detail = values["code"], values["message"], values.get("detail", {})
    except (JSONDecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        raise PushFailed("what answered is no goim HTTP API") from None
    if code:
        raise PushFailed(f"refused: {message or 'without words'} ({code})")
    return Pushed(
        kind,
        sequences=tuple(detail.get("stored", ())),
        sessions=detail.get("sessions"),
        dropped=detail.get("dropped"),
    )


def nats_subject(push: Push, subjects: Subjects) -> str:
    """Return where to publish a push that is stored. Raises IdRefused."""
    return subjects.push(push_topic(push), push.operation)


def push_topic(push: Push) -> str:
    """Return the topic of a push that is stored. Raises IdRefused."""
    if push.kind == "room":
        return room_topic(push.target)
    if push.kind == "member":
        return member_topic(int(push.target))
    return ALL_TOPIC


def nats_headers(push: Push) -> bytes | None:
    """Return the headers of a push that is stored, None without any. Raises IdRefused.

    Its id is the one that the push API stores it under, so that either way repeats the other.
    """
    values = {}
    if push.id:
        values[MESSAGE_ID] = scoped_id(push_topic(push), push.id)
    if push.speed:
        values[SPEED] = str(push.speed)
    return encode_headers(values) if values else None


def read_stream_answer(kind: Kind, answer: bytes) -> Pushed:
    """Return what JetStream's acknowledgement says. Raises PushFailed."""
    try:
        values = loads(answer)
        error = values.get("error")
        if error:
            raise PushFailed(f"refused: {error['description']} ({error['code']})")
        return Pushed(kind, (int(values["seq"]),), duplicate=bool(values.get("duplicate")))
    except (JSONDecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        raise PushFailed("what answered is no stream of JetStream") from None


def read_key_answer(reply: PushReply) -> Pushed:
    """Return what the router says of a push to a key."""
    return Pushed("key", sessions=reply.sessions, dropped=reply.dropped)
