"""The headers of messages on NATS, read from the raw block without parsing all of it.

A block is `NATS/1.0\\r\\nName: value\\r\\n...\\r\\n\\r\\n` (NATS protocol, HMSG). A publisher may
have forged a `Nats-` header; nats-server writes its own after it, so the last value counts.
"""

import re
from functools import lru_cache

FROM = "Goim-From"  # mid of the sender
TO = "Goim-To"  # mid of the member that a direct message is for
STAMP = "Goim-Stamp"  # "1": deliver as stamped JSON
SESSION = "Goim-Session"  # the connection that sent it
ID = "Goim-Id"  # the client's own id of what it sends
CAST = "Goim-Cast"  # "1": deliver what a client sends to who is there, store nothing
SPEED = "Goim-Speed"  # connections per second, for a push to all
MESSAGE_ID = "Nats-Msg-Id"
SEQUENCE = "Nats-Sequence"
LAST_SEQUENCE = "Nats-Last-Sequence"
TIME = "Nats-Time-Stamp"
SUBJECT = "Nats-Subject"
# As nats-server's Republish writes it, where the publisher gave an id at most.
_REPUBLISHED = re.compile(
    rb"NATS/1\.0\r\n(?:Nats-Msg-Id: [^\r]*\r\n)?Nats-Stream: [^\r]+\r\nNats-Subject: [^\r]+\r\n"
    rb"Nats-Sequence: ([0-9]{1,19})\r\nNats-Time-Stamp: [^\r]+\r\n"
    rb"Nats-Last-Sequence: ([0-9]{1,19})\r\n\r\n"
)
_NAME = re.compile(r"[!-9;-~]+")  # printable ASCII but for space and colon (NATS ADR-4)


def header_value(block: bytes | None, name: str) -> str:
    """Return the last value of a header, `""` when it is not there. Names are case-sensitive."""
    if not block:
        return ""
    return _value(block, name).decode("utf-8", "replace")


def header_number(block: bytes | None, name: str) -> int:
    """Return a header as a number of 0 or more; 0 when it is absent or no such number."""
    value = _value(block, name) if block else b""
    return int(value) if value.isdigit() and len(value) < 20 else 0


def _value(block: bytes, name: str) -> bytes:
    mark = _mark(name)
    start = block.rfind(mark)
    if start < 0:
        return b""
    start += len(mark)
    end = block.find(b"\r\n", start)
    return (block[start:end] if end >= 0 else block[start:]).strip()


@lru_cache(maxsize=64)
def _mark(name: str) -> bytes:
    return b"\r\n" + name.encode() + b":"


def republished(block: bytes) -> tuple[int, int] | None:
    """Return SEQUENCE and LAST_SEQUENCE of a block that says nothing else of interest.

    None for all others: the publisher gave it headers of ours, or of nats-server's.
    """
    found = _REPUBLISHED.fullmatch(block)
    return None if found is None else (int(found[1]), int(found[2]))


def status(block: bytes | None) -> int:
    """Return the status of a header block's first line (503: no responders), 0 without one."""
    if not block or not block.startswith(b"NATS/1.0 "):
        return 0
    digits = block[9:12]
    return int(digits) if digits.isdigit() else 0


def encode_headers(values: dict[str, str]) -> bytes:
    """Return the block for these headers. Raises ValueError for one that would break the block."""
    block = "NATS/1.0\r\n"
    for name, value in values.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"header {name} holds a line break")
        block += f"{_checked_name(name)}: {value}\r\n"
    return f"{block}\r\n".encode()


@lru_cache(maxsize=64)
def _checked_name(name: str) -> str:
    """Return a header's name; they are the same few all the time. Raises ValueError."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} can't be a header's name")
    return name
