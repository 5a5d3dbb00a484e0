"""DECIDE what a client may send into a room, and how it is published.

That the connection is in the room and its token lets it send there was checked by its gateway,
the only one that may publish on `goim.up.>`.
"""

import re
from typing import NamedTuple

from router.errors import BodyTooLarge, OperationRefused, RequestRefused, SendingForbidden
from schemas.headers import FROM, ID, SESSION, STAMP, header_value
from schemas.operations import is_business
from schemas.policies import Policy
from schemas.subjects import Subjects, decode_token, encode_token, topic_room_type

MAX_ID_BYTES = 256  # JetStream keeps message ids in memory for the duplicate window
NOBODY = "nobody"
ROUNDING_SECONDS = 1e-6  # what adding up intervals may be off by
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Sending(NamedTuple):
    """What a client sends, as its gateway passed it on."""

    topic: str
    room_type: str
    mid: int
    operation: int
    session: str
    message_id: str


class Bucket(NamedTuple):
    """A token bucket: so many seconds for one token, so many tokens at most."""

    name: str
    interval: float
    burst: int


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
    session, message_id = header_value(headers, SESSION), header_value(headers, ID)
    check_id("session", session)
    check_id("message id", message_id)
    return Sending(topic, room_type, mid, operation, session, message_id)


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
    if size > max_body_bytes:
        raise BodyTooLarge(size, max_body_bytes)
    if policy.send == NOBODY:
        raise SendingForbidden(sending.room_type)


def rate_bucket(sending: Sending, policy: Policy) -> Bucket | None:
    """Return the sender's bucket, None where the policy sets no rate.

    A member has one for each room type, over all connections; an anonymous connection its own.
    """
    if policy.send_per_second <= 0:
        return None
    who = str(sending.mid) if sending.mid > 0 else f"session.{sending.session}"
    interval = 1 / policy.send_per_second
    return Bucket(f"{sending.room_type}:{who}", interval, max(policy.send_burst, 1))


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
    if policy.stamp:
        headers[STAMP] = "1"
    return headers
