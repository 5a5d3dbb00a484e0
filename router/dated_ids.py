"""DECIDE whether an id may have been forgotten: one that tells its time is never stored twice.

JetStream remembers an id for `GOIM_DEDUPE_SECONDS` from when its message was stored. What comes
again later would be stored anew. So who may try for long writes the time of the first try into the
id, `order-17@1764450000`, and is refused when nobody can be sure any more.
"""

import re

from router.errors import IdTooOld, RequestRefused, RouterError

CLOCK_SECONDS = 5.0  # by which the clocks of publisher, router and NATS may differ
MOST_AHEAD_SECONDS = 60.0
_TIME = re.compile(r"@(\d{9,11})$")


def id_refusal(
    message_id: str, now: float, dedupe_seconds: float, store_seconds: float
) -> RouterError | None:
    """Return why a message with this id is not stored; None: it is, or its id tells no time.

    `now` is unix seconds; the message is stored or refused within `store_seconds`.
    """
    found = _TIME.search(message_id)
    if found is None:
        return None
    age, limit = now - int(found[1]), certain_seconds(dedupe_seconds, store_seconds)
    if age > limit:
        return IdTooOld(age, limit)
    if age < -MOST_AHEAD_SECONDS:
        return RequestRefused("the time in the id is still to come")
    return None


def certain_seconds(dedupe_seconds: float, store_seconds: float) -> float:
    """Return for how long after its first try an id is remembered for certain."""
    return max(dedupe_seconds - store_seconds - CLOCK_SECONDS, dedupe_seconds / 2)
