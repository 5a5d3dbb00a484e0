"""The three streams as far as the router needs them, and what is in them."""

from base64 import b64decode
from typing import Any, NamedTuple

from bus.connection import Bus
from bus.stream_api import request_api
from router.settings import PublisherSettings
from schemas.headers import header_value

# For what must be stored, on a busy machine too.
PATIENT = PublisherSettings(seconds=30, attempt_seconds=20)


class Stored(NamedTuple):
    """A message in a stream."""

    sequence: int
    subject: str
    body: bytes
    headers: bytes

    def header(self, name: str) -> str:
        return header_value(self.headers, name)


async def make_streams(bus: Bus, **more: Any) -> None:
    """Make the streams of the bus's prefix, with atomic batches."""
    for kind, topics in (("ROOM", "room.*.*"), ("MEMBER", "member.*"), ("ALL", "all")):
        await make_stream(bus, kind, topics, **more)


async def make_stream(bus: Bus, kind: str, topics: str, **more: Any) -> None:
    """Make one stream."""
    config: dict[str, Any] = {
        "name": bus.subjects.stream(kind),
        "subjects": [bus.subjects.stored(topics)],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": 1,
        "duplicate_window": 120_000_000_000,
        "allow_direct": True,
        "allow_atomic": True,
    }
    await request_api(bus, f"STREAM.CREATE.{config['name']}", config | more)


async def read_stream(bus: Bus, kind: str) -> list[Stored]:
    """Return all that a stream holds, in its order."""
    name = bus.subjects.stream(kind)
    state = (await request_api(bus, f"STREAM.INFO.{name}", {}))["state"]
    found: list[Stored] = []
    if state["messages"] == 0:
        return found
    for sequence in range(state["first_seq"], state["last_seq"] + 1):
        message = (await request_api(bus, f"STREAM.MSG.GET.{name}", {"seq": sequence}))["message"]
        body, headers = b64decode(message.get("data", "")), b64decode(message.get("hdrs", ""))
        found.append(Stored(sequence, message["subject"], body, headers))
    return found


async def make_event_stream(bus: Bus) -> None:
    """Make the stream of events, as the store does."""
    subjects = bus.subjects
    told, heard = subjects.tell_session("*", "*"), subjects.session_event("*", "*")
    target = subjects.session_event("{{wildcard(1)}}", "{{wildcard(2)}}")
    await make_stream(
        bus,
        "EVENT",
        "",
        subjects=[told, subjects.undelivered_event("*")],
        subject_transform={"src": told, "dest": target},
        republish={"src": heard, "dest": target},
    )
