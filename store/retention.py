"""DECIDE how much of a topic is retained, how long its stream must hold it, what may be purged.

The index lets go of messages by policy. The stream holds a little more, so that nothing goes
unseen: one message more for each subject (a store that starts then still finds the newest one
that is gone) and a grace in time (a message is marked as gone before it is).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from schemas.policies import (
    ALL_RETAIN_SECONDS,
    DEFAULT,
    MEMBER_RETAIN_MESSAGES,
    MEMBER_RETAIN_SECONDS,
    Policy,
)
from schemas.subjects import NO_TYPE_TOKEN, decode_token
from store.topics import Kind

ALL_RETAIN_MESSAGES = 10_000  # in ALL_RETAIN_SECONDS; bounds what a push loop can pile up
PURGE_LAG_SECONDS = 60.0  # between letting go and purging: covers clocks that differ

PolicyOf = Callable[[str], Policy]


class Limits(NamedTuple):
    """At most so many messages, none older than this."""

    messages: int
    seconds: float


class Purge(NamedTuple):
    """Delete what a stream holds up to `sequence` below a subject filter ("": all of it)."""

    subject: str
    sequence: int


class Retention:
    """The limits of each topic: its policy, but never more than its stream is known to hold."""

    def __init__(self, policy_of: PolicyOf) -> None:
        self._policy_of = policy_of
        self._held: dict[Kind, Limits] = {}

    def hold(self, held: Mapping[Kind, Limits]) -> None:
        """Take in what the streams hold from now on."""
        self._held = dict(held)

    def policy(self, topic: str) -> Policy:
        """Return the policy of a room topic."""
        return self.type_policy(room_type_token(topic))

    def type_policy(self, token: str) -> Policy:
        """Return the policy of a room type that is given as in a subject."""
        if token == NO_TYPE_TOKEN:
            return self._policy_of("")
        try:
            return self._policy_of(decode_token(token))
        except UnicodeDecodeError:
            return DEFAULT

    def most_messages(self, kind: Kind, topic: str) -> int:
        """Return how many messages are retained of a topic; asked for each that is stored."""
        held = self._held.get(kind)
        wanted = self.policy(topic).retain_messages if kind == "ROOM" else FIXED[kind].messages
        return wanted if held is None or wanted < held.messages else held.messages

    def longest(self, kind: Kind) -> float:
        """Return how many seconds a stream holds its messages, whatever their topic."""
        return self._held[kind].seconds if kind in self._held else 0.0

    def limits(self, kind: Kind, topic: str) -> Limits:
        """Return what is retained of a topic."""
        seconds = FIXED[kind].seconds if kind != "ROOM" else self.policy(topic).retain_seconds
        held = self._held.get(kind)
        if held is not None:
            seconds = min(seconds, held.seconds)
        return Limits(self.most_messages(kind, topic), seconds)


FIXED: dict[Kind, Limits] = {
    "MEMBER": Limits(MEMBER_RETAIN_MESSAGES, MEMBER_RETAIN_SECONDS),
    "ALL": Limits(ALL_RETAIN_MESSAGES, ALL_RETAIN_SECONDS),
}


def room_type_token(topic: str) -> str:
    """Return the type of a room topic as it is written there."""
    return topic.split(".", 2)[1]


def needed_limits(policies: Iterable[Policy]) -> dict[Kind, Limits]:
    """Return what each stream must hold so that every policy can be kept."""
    every = [DEFAULT, *policies]
    messages = max(policy.retain_messages for policy in every)
    seconds = max(policy.retain_seconds for policy in every)
    return {"ROOM": Limits(messages, seconds), **FIXED}


def purges(
    stored: Callable[[str], str],
    types: Mapping[str, float],
    longest: float,
    stored_by: Callable[[float], int],
    now: float,
) -> list[Purge]:
    """Return what may be deleted from a stream whose marks of what is gone are saved.

    `types` holds the retained seconds of each room type there is, `stored` makes the filter of
    a topic, `stored_by` tells the highest sequence of a time.
    """
    found = [Purge("", stored_by(now - longest - PURGE_LAG_SECONDS))]
    for token, seconds in sorted(types.items()):
        if seconds < longest:
            sequence = stored_by(now - seconds - PURGE_LAG_SECONDS)
            found.append(Purge(stored(f"room.{token}.*"), sequence))
    return [purge for purge in found if purge.sequence > 0]
