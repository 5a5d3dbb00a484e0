"""DECIDE what a client may send into a room or to a member, and how it is published.

That the connection is in the room or its token lets it send there was checked by its gateway, the
only one that may publish on `goim.up.>` and `goim.direct.>`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bus.limits import MEMBER_CASTS, MEMBER_MESSAGES, ROOM_MESSAGES
from router.errors import (
    BodyTooLarge,
    OperationRefused,
    RequestRefused,
    SenderUnknown,
    SendingForbidden,
)
from schemas.headers import CAST, FROM, ID, SESSION, STAMP, TO, header_value
from schemas.operations import is_business
from schemas.policies import DIRECT, Policy
from schemas.subjects import (
    Subjects,
    decode_token,
    encode_token,
    member_topic,
    topic_room_type,
)

INT64 = 2**63
MAX_ID_BYTES = 256  # JetStream keeps message ids in memory for the duplicate window
NOBODY = "nobody"
ROUNDING_SECONDS = 1e-6  # what adding up intervals may be off by
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Sending(NamedTuple):
    """What a client sends, as its gateway passed it on."""

    topic: str  # the room's, or the recipient's
    room_type: str  # names the policy
    mid: int
    operation: int
    session: str
    message_id: str
    recipient: int = 0  # the member that a direct message is for
    cast: bool = False  # a signal: delivered, never stored

    @property
    def topics(self) -> tuple[str, ...]:
        """Where it is published: a direct message for both sides, the sender's last."""
        if self.recipient in (0, self.mid):
            return (self.topic,)
        return self.topic, member_topic(self.mid)


class Bucket(NamedTuple):
    """A token bucket: so many seconds for one token, so many tokens at most."""

    name: str
    interval: float
    burst: int
    limit: str = MEMBER_MESSAGES  # what it is called (bus/limits.py)


class Taken(NamedTuple):
    """What became of buckets: when each is full again, and what `lua/rates.lua` answers."""

    full_at: list[float]
    wait: float
    refused_by: int
    dry: int


def read_sending(subjects: Subjects, subject: str, headers: bytes | None) -> Sending:
    """Return what the subject and headers of `goim.up.…` say. Raises RequestRefused."""
    try:
        topic, mid, operation = subjects.upstream_parts(subject)
        room_type = topic_room_type(topic)
        check_token(topic.split(".")[2])
        if room_type:
            check_token(topic.split(".")[1])
    except ValueError:
        raise RequestRefused("the subject is not up.<type>.<id>.<mid>.<op>") from None
    session, message_id, is_cast = _read_headers(headers)
    return Sending(topic, room_type, mid, operation, session, message_id, cast=is_cast)


def read_direct(subjects: Subjects, subject: str, headers: bytes | None) -> Sending:
    """Return what the subject and headers of `goim.direct.…` say. Raises RouterError."""
    try:
        recipient, mid, operation = subjects.direct_parts(subject)
    except ValueError:
        raise RequestRefused("the subject is not direct.<to>.<from>.<op>") from None
    if not 0 < recipient < INT64:
        raise RequestRefused("a member's number is over 0, and under 2^63")
    if mid <= 0:
        raise SenderUnknown
    session, message_id, is_cast = _read_headers(headers)
    if message_id:
        message_id = f"{DIRECT}.{message_id}"  # no service's push to the member has that id
    topic = member_topic(recipient)
    return Sending(topic, DIRECT, mid, operation, session, message_id, recipient, is_cast)


def _read_headers(headers: bytes | None) -> tuple[str, str, bool]:
    session, message_id = header_value(headers, SESSION), header_value(headers, ID)
    check_id("session", session)
    check_id("message id", message_id)
    return session, message_id, header_value(headers, CAST) == "1"


def check_token(token: str) -> None:
    """Raise ValueError unless the token is what encode_token makes."""
    if encode_token(decode_token(token)) != token:
        raise ValueError(token)


def check_id(what: str, text: str) -> None:
    """Return when the text can be the value of a header. Raises RequestRefused."""
    if len(text.encode("utf-8", "replace")) > MAX_ID_BYTES:
        raise RequestRefused(f"a {what} may have {MAX_ID_BYTES} bytes")
    if _CONTROL.search(text) or text != text.strip():
        raise RequestRefused(f"a {what} may not hold control characters or end in a blank")


def admit(sending: Sending, size: int, policy: Policy, max_body_bytes: int) -> None:
    """Return when the message may go on to the rate limit. Raises RouterError."""
    if not is_business(sending.operation):
        raise OperationRefused(sending.operation)
    most = most_bytes(policy, max_body_bytes)
    if size > most:
        raise BodyTooLarge(size, most)
    if policy.send == NOBODY:
        raise SendingForbidden(sending.room_type)


def most_bytes(policy: Policy, max_body_bytes: int) -> int:
    """Return how large a body may be."""
    return min(policy.most_bytes or max_body_bytes, max_body_bytes)


def rate_buckets(sending: Sending, policy: Policy) -> tuple[Bucket, ...]:
    """Return the buckets that the message needs a token of; none where the policy sets no rate.

    A member has one for each room type, over all connections, and one for signals; an anonymous
    connection its own. A room has one for all that is sent to it; so has who gets direct messages.
    """
    who = str(sending.mid) if sending.mid > 0 else f"session.{sending.session}"
    kind = sending.room_type
    if sending.cast:
        rate, burst, limit = policy.cast_per_second, policy.cast_burst, MEMBER_CASTS
        name = f"{kind}:cast.{who}"
    else:
        rate, burst, limit = policy.send_per_second, policy.send_burst, MEMBER_MESSAGES
        name = f"{kind}:{who}"
    buckets = [Bucket(name, 1 / rate, max(burst, 1), limit)] if rate > 0 else []
    if policy.room_per_second > 0:
        interval, burst = 1 / policy.room_per_second, max(policy.room_burst, 1)
        buckets.append(Bucket(f"{kind}:to.{sending.topic}", interval, burst, ROOM_MESSAGES))
    return tuple(buckets)


def take_tokens(
    full_at: Sequence[float], now: float, buckets: Sequence[Bucket], dry: Sequence[bool]
) -> Taken:
    """Take a token from each bucket that has one, unless one that is not `dry` has none."""
    later, wait, refused_by, dry_bits = [], 0.0, 0, 0
    for number, bucket in enumerate(buckets):
        after, short = take_token(full_at[number], now, bucket)
        later.append(after)
        if short and dry[number]:
            dry_bits |= 1 << number
        elif short and not refused_by:
            wait, refused_by = short, number + 1
    return Taken(list(full_at) if refused_by else later, wait, refused_by, dry_bits)


def take_token(full_at: float, now: float, bucket: Bucket) -> tuple[float, float]:
    """Return when the bucket is full again, and the seconds to wait: 0 when a token was taken."""
    full_at = max(full_at, now)
    wait = full_at + bucket.interval - bucket.interval * bucket.burst - now
    if wait > ROUNDING_SECONDS:
        return full_at, wait
    return full_at + bucket.interval, 0.0


def delivery_headers(sending: Sending, policy: Policy) -> dict[str, str]:
    """Return the headers under which the message is published."""
    headers = {FROM: str(sending.mid)}
    if sending.session:
        headers[SESSION] = sending.session
    if sending.recipient:
        headers[TO] = str(sending.recipient)
    if policy.stamp or sending.recipient:
        headers[STAMP] = "1"
    return headers
