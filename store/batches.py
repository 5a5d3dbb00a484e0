"""EDGE writing to buckets: many values in one atomic batch, or one by one, never over a change.

A batch is stored whole or not at all (NATS ADR-50) and costs hardly more than one message, which
matters where each write is synced to disk.
"""

from secrets import token_hex
from typing import NamedTuple

from bus.connection import Bus
from bus.stream_api import acknowledged
from schemas.headers import encode_headers

MOST_IN_BATCH = 1000  # nats-server's limit
EXPECTED = "Nats-Expected-Last-Subject-Sequence"


class Put(NamedTuple):
    """A value to write; `revision` is the one it replaces (0: there is none), None: any."""

    subject: str
    value: bytes
    revision: int | None = None


async def write_batch(bus: Bus, puts: list[Put]) -> int:
    """Write 1 to 1000 values, all or none; return the sequence of the last.

    Raises StreamApiRefused (code WRONG_LAST_SEQUENCE: one of them was changed) and BusErrors.
    """
    if len(puts) == 1:
        return await write_one(bus, puts[0])
    batch = token_hex(16)
    for number, put in enumerate(puts[:-1], 1):
        bus.publish(put.subject, put.value, headers=_batch_headers(put, batch, number))
    last = puts[-1]
    headers = _batch_headers(last, batch, len(puts), {"Nats-Batch-Commit": "1"})
    reply = await bus.call(last.subject, last.value, headers=headers)
    return acknowledged(last.subject, reply.payload)


async def write_one(bus: Bus, put: Put) -> int:
    """Write one value; return its sequence. Raises as write_batch does."""
    headers = encode_headers(_expected(put)) if put.revision is not None else None
    reply = await bus.call(put.subject, put.value, headers=headers)
    return acknowledged(put.subject, reply.payload)


def _batch_headers(put: Put, batch: str, number: int, more: dict[str, str] | None = None) -> bytes:
    numbered = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
    return encode_headers(numbered | _expected(put) | (more or {}))


def _expected(put: Put) -> dict[str, str]:
    return {} if put.revision is None else {EXPECTED: str(put.revision)}
