"""Reads as much of the proto3 language as messages.proto uses, to compare it with what is built.

A compiler is not among the tools that a test run installs; this says the same of the structure.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_WORDS = re.compile(r"[A-Za-z_][\w.]*|\d+|[{}=;<>,]|\"[^\"]*\"")


class Field(NamedTuple):
    """One field; a map's type is `map<key,value>`."""

    type: str
    name: str
    number: int
    repeated: bool


def read_messages(text: str) -> dict[str, list[Field]]:
    """Return the fields of each message. Raises AssertionError for what it doesn't know."""
    words = iter(_WORDS.findall(re.sub(r"//[^\n]*", "", text)))
    messages = {}
    for word in words:
        if word in ("syntax", "package"):
            while next(words) != ";":
                pass
            continue
        assert word == "message", f"unknown word {word}"
        name = next(words)
        assert next(words) == "{"
        messages[name] = list(_fields(words))
    return messages


def _fields(words: Iterator[str]) -> Iterator[Field]:
    while (word := next(words)) != "}":
        repeated = word == "repeated"
        kind = next(words) if repeated or word == "optional" else word
        if kind == "map":
            kind += "".join(next(words) for _ in range(5))
        name = next(words)
        assert next(words) == "="
        number = int(next(words))
        assert next(words) == ";"
        yield Field(kind, name, number, repeated)
