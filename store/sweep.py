"""DECIDE what the sweeps leave in the bucket TRIMMED: marks of what is gone, and the last sweep.

| key | value |
|---|---|
| a topic, such as `room.live.1000` | the highest sequence of it that is gone, in digits |
| `sweep` | the last sweep as JSON: when, and where each stream ended |
| `lost.<kind>` | the highest sequence a stream may have had before it was made anew, in digits |
"""

from collections.abc import Mapping
from json import JSONDecodeError, dumps, loads
from typing import NamedTuple

SWEEP_KEY = "sweep"
LOST_PREFIX = "lost."
MARGIN_SEQUENCES = 10_000_000  # what a stream may have stored since the last sweep, generously


class Sweep(NamedTuple):
    """One sweep: unix seconds, and the last sequence of each stream by its name."""

    at: float = 0.0
    ends: Mapping[str, int] = {}


def encode_sweep(sweep: Sweep) -> bytes:
    """Return the value of the key `sweep`."""
    return dumps({"at": round(sweep.at, 3), "ends": dict(sweep.ends)}).encode()


def decode_sweep(value: bytes) -> Sweep:
    """Undo encode_sweep; what is unreadable counts as no sweep."""
    try:
        found = loads(value)
        ends = {str(name): int(end) for name, end in found["ends"].items()}
        return Sweep(float(found["at"]), ends)
    except (JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return Sweep()


def decode_sequence(value: bytes) -> int:
    """Return a mark's sequence, 0 when it is unreadable."""
    return int(value) if value.isdigit() and len(value) < 20 else 0


def first_sequence(sweep: Sweep, stream: str) -> int:
    """Return where a stream that has to be made begins, so that no sequence comes twice.

    1 for one that never was. Else it was lost: positions and clients know its sequences.
    """
    end = sweep.ends.get(stream, 0)
    return end + MARGIN_SEQUENCES if end else 1
