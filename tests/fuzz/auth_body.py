"""Fuzz the auth service: any request, any auth body, any signed header and claims.

A finding is an exception, or an answer that counts as an error of our own.
"""

import json

from google.protobuf.json_format import Parse

from auth.check import AuthRules
from auth.goim_json import decode_go_text
from auth.responder import Responder
from schemas import messages_pb2
from tests.auth.signing import NOW, OPEN, SIGNED_ONLY, forge
from tests.fuzz.running import fuzz

HEADER = {"alg": "HS256", "kid": "1"}


def check_input(data: bytes) -> None:
    """Use the first byte to choose a door, the rest as what comes in. Raises AssertionError."""
    door, rest = data[:1], data[1:]
    rules = OPEN if door and door[0] & 1 else SIGNED_ONLY
    match (door[0] >> 1) % 4 if door else 0:
        case 0:
            _answer(rest, rules)
        case 1:
            _answer_both(decode_go_text(rest), rules)
        case 2:
            _answer_both(forge(HEADER, rest), rules)
        case 3:
            header, _, claims = rest.partition(b"\0")
            _answer_both(forge(header, claims), rules)


def _answer_both(body: str, rules: AuthRules) -> None:
    as_json = _answer(json.dumps({"token": body}).encode(), rules)
    as_binary = _answer(messages_pb2.AuthRequest(token=body).SerializeToString(), rules)
    assert as_json == as_binary


def _answer(payload: bytes, rules: AuthRules) -> messages_pb2.Grant:
    responder = Responder(rules, clock=lambda: NOW)
    answer = responder.answer(payload)
    assert responder.refused["internal"] == 0
    if payload[:1] == b"{":
        return Parse(answer, messages_pb2.Grant())
    return messages_pb2.Grant.FromString(answer)


if __name__ == "__main__":
    fuzz(check_input)
