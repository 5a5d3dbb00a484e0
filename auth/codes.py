"""DECIDE codes that people type in: made, and compared with the hash that is kept.

Ten letters and digits of Crockford's base 32 hold 50 bits: at the rate that an address may try,
a code is not guessed within its time.
"""

from hashlib import sha256
from hmac import compare_digest
from secrets import choice

from auth.account import PendingCode

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10
MOST_TYPED = 64
ACTIVATION, RESET = "activation", "reset"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def make_code() -> str:
    """Return a new code, such as `7K3M9-QXA4T`."""
    text = "".join(choice(ALPHABET) for _ in range(LENGTH))
    return f"{text[:5]}-{text[5:]}"


def pending(code: str, purpose: str, expires_at: int) -> PendingCode:
    """Return what is kept of a code."""
    return PendingCode(_digest(code), purpose, expires_at)


def is_right(typed: str, kept: PendingCode | None, purpose: str, now: float) -> bool:
    """Tell whether a typed code is the one that was sent for this, in time."""
    same = compare_digest(_digest(typed), kept.digest if kept is not None else "")
    return same and kept is not None and kept.purpose == purpose and now < kept.expires_at


def _digest(code: str) -> str:
    plain = code[:MOST_TYPED].upper().translate(_MISREAD)
    return sha256(plain.encode(errors="surrogatepass")).hexdigest()
