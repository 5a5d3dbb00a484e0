"""DECIDE whether a request's Authorization header holds the key of the HTTP API."""

from enum import Enum
from hashlib import sha256
from hmac import compare_digest

from bus.environment import Secret


class KeyRefusal(Enum):
    """Why a request is refused: the name for logs and counters, the words for the caller."""

    NOT_CONFIGURED = "this port has no HTTP API: it is opened by setting GOIM_API_KEY"
    MISSING = "the request needs the header Authorization: Bearer <key>"
    WRONG = "that is not the key of the HTTP API"


def check_bearer(authorization: str | None, key: Secret) -> KeyRefusal | None:
    """Return why the header does not open the API; None: it does.

    Takes the same time however much of the key is right (RFC 6750 names the scheme).
    """
    if not key:
        return KeyRefusal.NOT_CONFIGURED
    scheme, _, given = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        return KeyRefusal.MISSING
    same = compare_digest(_digest(given.strip()), _digest(key))
    return None if same else KeyRefusal.WRONG


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
