"""DECIDE what the JSON in a server's reply says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import JSONDecodeError, loads
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a sent message or a request: its sequence, or why it was refused."""

    number: int
    sequence: int = 0
    error_code: int = 0
    error_words: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)  # all of it


def read_answer(number: int, values: dict[str, Any]) -> Answered:
    """Return what a reply with these values says to the request of this number."""
    error = values.get("error")
    if not isinstance(error, dict):
        return Answered(number, sequence=whole_number(values, "sequence"), told=values)
    words = str(error.get("message") or "refused")
    return Answered(number, error_code=whole_number(error, "code") or -1, error_words=words)


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object in a body, `{}` where there is none."""
    try:
        values = loads(body)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def whole_number(values: dict[str, Any], name: str) -> int:
    """Return a number of an object, 0 where there is none."""
    value = values.get(name)
    return value if isinstance(value, int) else 0
