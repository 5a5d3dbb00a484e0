"""DECIDE what the responder of `goim.admit.<type>` is asked about a message, and what it said.

Anybody may be that responder, so its answer is believed only as far as it makes sense.
"""

import re
from typing import NamedTuple

from google.protobuf.json_format import Parse, ParseError

from bus.codec import encode_reply
from router.admission import Sending
from router.errors import FORBIDDEN, AdmissionRefused, RouterError
from schemas.close_codes import Retry
from schemas.messages_pb2 import AdmitReply, AdmitRequest, Error
from schemas.subjects import topic_room

MOST_WORDS = 200  # characters of what a client is told
MOST_SECONDS = 2**31 - 1
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RETRIES = frozenset(one.value for one in Retry)


class AnswerUnusable(ValueError):
    """The answer is no AdmitReply, or its body can't be sent."""


class Verdict(NamedTuple):
    """What becomes of a message: it is sent with this body, or refused."""

    body: bytes
    error: RouterError | None = None


def admit_request(sending: Sending, body: bytes) -> bytes:
    """Return the request in JSON."""
    asked = AdmitRequest(operation=sending.operation, cast=sending.cast)
    setattr(asked, "from", sending.mid)
    if sending.recipient:
        asked.to = sending.recipient
    else:
        asked.room = topic_room(sending.topic)
    try:
        asked.body = body.decode()
    except UnicodeDecodeError:
        asked.bytes = body.decode("latin-1")
    return encode_reply(asked, as_json=True)


def read_verdict(payload: bytes, body: bytes, most_bytes: int) -> Verdict:
    """Return what is to be done with a message whose body was this. Raises AnswerUnusable."""
    if payload[:1] != b"{":
        raise AnswerUnusable("the answer is no JSON object")
    try:
        answer = Parse(payload, AdmitReply(), ignore_unknown_fields=True)
        if answer.HasField("error"):
            return Verdict(body, _refusal(answer.error))
        if answer.HasField("body"):
            body = answer.body.encode()
        elif answer.HasField("bytes"):
            body = answer.bytes.encode("latin-1")
    except (ParseError, UnicodeError, RecursionError) as error:
        raise AnswerUnusable(f"the answer is no AdmitReply: {type(error).__name__}") from None
    if len(body) > most_bytes:
        raise AnswerUnusable(f"a body of {len(body)} bytes is over the limit of {most_bytes}")
    return Verdict(body)


def _refusal(error: Error) -> AdmissionRefused:
    code = error.code if 400 <= error.code < 600 else FORBIDDEN
    words = error.message[:MOST_WORDS] or "the message was refused"
    retry = error.retry if error.retry in _RETRIES else Retry.NEVER.value
    reason = error.reason if _REASON.fullmatch(error.reason) else "not_admitted"
    return AdmissionRefused(code, words, retry, reason, min(max(error.after, 0), MOST_SECONDS))
