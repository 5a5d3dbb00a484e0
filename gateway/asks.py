"""DECIDE what an `ext` client asks of the store (op 30 and 32), and how much of it at a time."""

from json import loads
from typing import Any, NamedTuple

DEFAULT_MESSAGES = 50  # of a page of history
MOST_SEQUENCE = 2**63 - 1
BAD, FORBIDDEN, TOO_MANY = 400, 403, 429


class AskRefused(Exception):
    """The client does not get what it asks for; `rule` is counted."""

    def __init__(
        self, code: int, reason: str, words: str, retry: str = "never", after: int = 0
    ) -> None:
        self.error: dict[str, object] = {
            "code": code,
            "reason": reason,
            "message": words,
            "retry": retry,
            "after": after,
        }
        self.rule = reason


class HistoryWish(NamedTuple):
    """A page of a room's messages, or of the direct messages with a peer, before a sequence."""

    room: str
    peer: int  # over 0: then there is no room
    before: int
    limit: int

    @property
    def named(self) -> dict[str, object]:
        """What the answer says it is about."""
        return {"member": self.peer} if self.peer else {"room": self.room}


class ReadWish(NamedTuple):
    """Up to where a member has read, by room and by peer; 0: it only asks. Nothing: all."""

    rooms: dict[str, int]
    peers: dict[int, int]

    @property
    def everything(self) -> bool:
        """Tell whether it asks about all rooms it is in and all its peers."""
        return not self.rooms and not self.peers


class Budget:
    """How many more requests one connection may make: at once, and in the long run."""

    __slots__ = ("_left", "_since", "under_way")

    def __init__(self, now: float, burst: int) -> None:
        self.under_way = 0
        self._left = float(burst)
        self._since = now

    def take(self, now: float, per_second: float, burst: int, at_once: int) -> None:
        """Begin a request. Raises AskRefused where it is one too many (a token bucket)."""
        if self.under_way >= at_once:
            words = "too many requests of this connection are being answered: wait for them"
            raise AskRefused(TOO_MANY, "asks_at_once", words, "later", 1)
        self._left = min(burst, self._left + (now - self._since) * per_second)
        self._since = now
        if self._left < 1:
            words = f"at most {per_second:g} requests a second in the long run"
            raise AskRefused(TOO_MANY, "asks_per_second", words, "later", 1)
        self._left -= 1
        self.under_way += 1


def read_history_wish(body: bytes, most_messages: int) -> HistoryWish:
    """Return what an op 30 body asks for. Raises AskRefused.

    `{"room": "chat://7", "before": 4294967303, "limit": 50}`, or `"member": 9`.
    """
    values = _object(body)
    room, peer = values.get("room", ""), values.get("member", 0)
    if not isinstance(room, str) or not _is_sequence(peer) or bool(room) == bool(peer):
        raise _malformed("it names a room, or a member by its number")
    before, limit = values.get("before") or 0, values.get("limit") or DEFAULT_MESSAGES
    if not _is_sequence(before) or not _is_sequence(limit):
        raise _malformed("before and limit are whole numbers")
    return HistoryWish(room, peer, before, min(limit, most_messages))


def read_reading(body: bytes) -> ReadWish:
    """Return what an op 32 body says and asks. Raises AskRefused.

    `{"rooms": {"chat://7": 4294967303}, "members": {"9": 12}}`
    """
    values = _object(body)
    rooms, members = values.get("rooms") or {}, values.get("members") or {}
    if not isinstance(rooms, dict) or not isinstance(members, dict):
        raise _malformed("rooms and members are objects")
    if not all(map(_is_sequence, (*rooms.values(), *members.values()))):
        raise _malformed("what is read is told by sequences")
    if not all(map(_is_member, members)):
        raise _malformed("members are named by their numbers")
    return ReadWish(rooms, {int(peer): sequence for peer, sequence in members.items()})


def _object(body: bytes) -> dict[str, Any]:
    try:
        values = loads(body) if body else {}
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise _malformed("it is a JSON object")
    return values


def _is_sequence(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_SEQUENCE


def _is_member(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= MOST_SEQUENCE


def _malformed(words: str) -> AskRefused:
    return AskRefused(BAD, "malformed", f"that body makes no sense: {words}")
