"""Connection keys for clients that bring none: random UUIDs, made a thousand at a time.

uuid.uuid4 asks the kernel for each, and builds an object; logins come in thousands.
"""

import os
from collections.abc import Iterator

KEYS_AT_ONCE = 256
HEX_OF_A_KEY = 32


def _keys() -> Iterator[str]:
    while True:
        digits = os.urandom(KEYS_AT_ONCE * HEX_OF_A_KEY // 2).hex()
        for start in range(0, len(digits), HEX_OF_A_KEY):
            one = digits[start : start + HEX_OF_A_KEY]
            variant = "89ab"[int(one[16], 16) & 3]  # RFC 9562 section 5.4
            yield f"{one[:8]}-{one[8:12]}-4{one[13:16]}-{variant}{one[17:20]}-{one[20:]}"


_made = _keys()


def make_key() -> str:
    """Return a key that nobody can guess and no other connection has."""
    return next(_made)
