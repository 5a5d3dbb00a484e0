"""DECIDE how goim names rooms in its list of the fullest: the host of the room id as a URL.

goim reads ids with Go's url.Parse: `live://a/b` and `live://a#b` show as `a`, `live://u@x` as
`x`, `live:1000` and `1000` as empty; what is no URL is left out.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=%@:]*")
_HOST = re.compile(r"""[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>"%\u0080-\U0010ffff]*""")
_HOST_ESCAPE = re.compile(r"%(?!25|[89A-Fa-f][0-9A-Fa-f])")  # ASCII may not be escaped in a host
_PORT = re.compile(r"(:[0-9]*)?")


class RoomTotal(NamedTuple):
    """A room as goim shows it, and its members."""

    name: str
    members: int


def fullest(counts: Mapping[str, int], prefix: str, limit: int) -> list[RoomTotal]:
    """Return the rooms whose whole id begins with `prefix`, most members first."""
    found = [
        RoomTotal(name, count)
        for room, count in counts.items()
        if room.startswith(prefix) and (name := shown_name(room)) is not None
    ]
    found.sort(key=lambda one: (-one.members, one.name))
    return found[:limit]


def shown_name(room: str) -> str | None:
    """Return the host part of a room id, None when Go would not take the id for a URL."""
    text, _, fragment = room.partition("#")
    if _CONTROL.search(text) or _BAD_ESCAPE.search(fragment):
        return None
    scheme = _SCHEME.match(text)
    if scheme is None and text.startswith(":"):
        return None
    rest = (text[scheme.end() :] if scheme else text).partition("?")[0]
    if not rest.startswith("/"):
        return _name_without_host(rest, scheme is not None)
    if not rest.startswith("//") or (scheme is None and rest.startswith("///")):
        return None if _BAD_ESCAPE.search(rest) else ""
    authority, _, path = rest[2:].partition("/")
    if _BAD_ESCAPE.search(path):
        return None
    return _host_of(authority)


def _name_without_host(rest: str, has_scheme: bool) -> str | None:
    if has_scheme:
        return ""
    if ":" in rest.partition("/")[0] or _BAD_ESCAPE.search(rest):
        return None
    return ""


def _host_of(authority: str) -> str | None:
    user, _, host = authority.rpartition("@")
    if not _USER.fullmatch(user) or _BAD_ESCAPE.search(user):
        return None
    if not _HOST.fullmatch(host) or _HOST_ESCAPE.search(host):
        return None
    after_bracket = host.rfind("]")
    if host.startswith("["):
        if after_bracket < 0 or not _PORT.fullmatch(host[after_bracket + 1 :]):
            return None
    else:
        colon = host.rfind(":")
        if colon >= 0 and not _PORT.fullmatch(host[colon:]):
            return None
    return unquote_to_bytes(host).decode("utf-8", "replace")
