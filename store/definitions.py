"""DECIDE how the streams and buckets are configured, and whether an existing one must change.

A bucket is a stream with the configuration of NATS ADR-8. All are written with atomic batches
(`allow_atomic`, nats-server 2.12 and later).
"""

from dataclasses import dataclass
from typing import Any

from bus.policies import HISTORY
from schemas.policies import DAY_SECONDS
from schemas.subjects import Subjects
from store.retention import Limits
from store.topics import Kind

NANOSECONDS = 1_000_000_000
EVENTS_PER_SUBJECT = 1000  # the last ones of one kind, about one member or room
LIFETIMES = {"POLICY": 0, "ROOMS": 0, "POSITION": 1, "TRIMMED": 2}  # in forget_seconds; 0: for ever
WILDCARDS: dict[Kind, int] = {"ROOM": 2, "MEMBER": 1, "ALL": 0}  # tokens of a topic after its kind

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Storage:
    """What all streams have in common."""

    replicas: int
    message_bytes: int  # headers included
    grace_seconds: int  # held longer than retained: how long all stores may be away
    forget_seconds: int  # a device that moved no position for so long is forgotten
    event_seconds: int = 30 * DAY_SECONDS  # how long events can be read again
    dedupe_seconds: int = 120  # how long a Nats-Msg-Id is remembered


def stream_config(subjects: Subjects, kind: Kind, retained: Limits, storage: Storage) -> Config:
    """Return the configuration of a stream that surely holds what is retained."""
    source, target = _republish(subjects, kind)
    return _common(storage) | {
        "name": subjects.stream(kind),
        "subjects": [source],
        "discard": "old",
        "max_msgs_per_subject": retained.messages + 1,
        "max_age": int(retained.seconds + storage.grace_seconds) * NANOSECONDS,
        "max_msg_size": storage.message_bytes,
        "republish": {"src": source, "dest": target},
    }


def event_config(subjects: Subjects, storage: Storage) -> Config:
    """Return the configuration of the stream of events: sessions, rooms, what nobody got.

    Session events come in by another subject, under which they are told again where a router is
    not sure; what is stored, once, is then published on the subject that everybody hears.
    """
    heard = subjects.session_event("{{wildcard(1)}}", "{{wildcard(2)}}")
    return _common(storage) | {
        "name": subjects.stream("EVENT"),
        "subjects": [
            subjects.tell_session("*", "*"),
            subjects.undelivered_event("*"),
            subjects.rpc("event", "room.>"),
        ],
        "subject_transform": {"src": subjects.tell_session("*", "*"), "dest": heard},
        "republish": {"src": subjects.session_event("*", "*"), "dest": heard},
        "discard": "old",
        "max_msgs_per_subject": EVENTS_PER_SUBJECT,
        "max_age": storage.event_seconds * NANOSECONDS,
        "max_msg_size": storage.message_bytes,
    }


def bucket_config(subjects: Subjects, kind: str, storage: Storage) -> Config:
    """Return the configuration of a bucket.

    Policies stay for ever, with earlier values behind bad ones; positions until they are
    forgotten, marks of what is gone as long again.
    """
    bucket = subjects.bucket(kind)
    lifetimes = LIFETIMES[kind]
    return _common(storage) | {
        "name": f"KV_{bucket}",
        "subjects": [f"$KV.{bucket}.>"],
        "discard": "new",
        "max_msgs_per_subject": HISTORY if kind == "POLICY" else 1,
        "max_age": lifetimes * storage.forget_seconds * NANOSECONDS,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
    }


def updated(existing: Config, wanted: Config) -> Config | None:
    """Return the configuration to update to; None when the existing one does already.

    What we don't speak of (placement, mirrors, descriptions) stays as the operator made it.
    """
    if all(_same(existing.get(name), value) for name, value in wanted.items()):
        return None
    return existing | wanted


def _common(storage: Storage) -> Config:
    return {
        "retention": "limits",
        "storage": "file",
        "num_replicas": storage.replicas,
        "duplicate_window": storage.dedupe_seconds * NANOSECONDS,
        "allow_direct": True,
        "allow_atomic": True,
    }


def _republish(subjects: Subjects, kind: Kind) -> tuple[str, str]:
    count = WILDCARDS[kind]
    name = kind.lower()
    source = ".".join([name, *["*"] * count])
    target = ".".join([name, *[f"{{{{wildcard({place + 1})}}}}" for place in range(count)]])
    operation = f"{{{{wildcard({count + 1})}}}}"
    return subjects.push(source, "*"), subjects.kept(target, operation)


def _same(one: object, other: object) -> bool:
    """Compare, where nats-server leaves out what is empty."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same(one.get(name), value) for name, value in other.items())
    return (one or None) == (other or None)
