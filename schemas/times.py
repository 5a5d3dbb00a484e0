"""nats-server's timestamps: RFC 3339 in UTC with up to nine digits of a second."""

from calendar import timegm
from functools import lru_cache
from time import strptime

from schemas.headers import header_value


def unix_milliseconds(block: bytes | None, name: str) -> int:
    """Return the time in a header as unix milliseconds, 0 when there is none."""
    return parse_milliseconds(header_value(block, name))


@lru_cache(maxsize=64)
def _seconds(text: str) -> int:
    """Return the whole second as unix seconds; thousands of messages are of the same one."""
    return timegm(strptime(text, "%Y-%m-%dT%H:%M:%S"))


def parse_milliseconds(text: str) -> int:
    """Return `2026-11-25T01:02:03.456789Z` as unix milliseconds, 0 when it is no such time."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    try:
        seconds = _seconds(whole)
        return seconds * 1000 + int(fraction[:3].ljust(3, "0") if fraction else 0)
    except ValueError:
        return 0
