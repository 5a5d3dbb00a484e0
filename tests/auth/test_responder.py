import json
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from auth.check import AuthRules
from auth.responder import Responder
from bus.metrics import Metrics
from schemas import messages_pb2

from .signing import NOW, OPEN, SIGNED_ONLY, token

GOIM_BODY = '{"mid":123, "room_id":"live://1000", "platform":"web", "accepts":[1000,1001,1002]}'


def responder(rules: AuthRules = SIGNED_ONLY, traced: bool = False) -> Responder:
    return Responder(rules, clock=lambda: NOW, traced=traced)


def as_json(body: str) -> bytes:
    return json.dumps({"token": body, "gateway": "g", "transport": "ws"}).encode()


def as_protobuf(body: str) -> bytes:
    return messages_pb2.AuthRequest(token=body, gateway="g").SerializeToString()


def test_a_request_in_json_is_answered_in_json_with_plain_numbers() -> None:
    answer = json.loads(responder(OPEN).answer(as_json(GOIM_BODY)))
    assert answer == {
        "mid": 123,
        "room": "live://1000",
        "platform": "web",
        "accepts": [1000, 1001, 1002],
        "rooms": [{"pattern": "*", "receive": True, "send": True, "history": True}],
    }


def test_a_request_in_protobuf_is_answered_in_protobuf() -> None:
    for body in (token(), "{}"):
        binary = messages_pb2.Grant.FromString(responder().answer(as_protobuf(body)))
        text = Parse(responder().answer(as_json(body)), messages_pb2.Grant())
        assert binary == text


def test_a_refusal_is_an_answer_with_code_words_and_when_to_come_back() -> None:
    answer = json.loads(responder().answer(as_json(token(exp=NOW - 60))))
    expected = {"code": 4002, "message": "the token expired 60 s ago", "retry": "token"}
    assert answer == {"error": expected}
    binary = messages_pb2.Grant.FromString(responder().answer(as_protobuf("1,417")))
    assert (binary.error.code, binary.error.retry, binary.mid) == (4001, "never", 0)


def test_what_is_no_request_is_answered_in_its_encoding() -> None:
    answer = json.loads(responder().answer(b'{"token":5}'))
    assert answer["error"]["message"] == "the request is no AuthRequest, in protobuf or JSON"
    assert messages_pb2.Grant.FromString(responder().answer(b"\xff")).error.code == 1011


def test_checks_are_counted_by_how_they_ended() -> None:
    one = responder()
    bodies = [token(), token(), "{}", "NaN", token(aud="x"), token(exp=1), "a.b.c"]
    for body in bodies:
        one.answer(as_json(body))
    one.answer(b"{")
    counted = {reason: count for reason, count in one.refused.items() if count}
    assert one.granted == 2
    assert counted == {
        "no_token": 1,
        "bad_json": 1,
        "wrong_audience": 1,
        "expired": 1,
        "bad_token": 1,
        "bad_request": 1,
    }


def test_all_counters_are_there_before_anything_happened() -> None:
    one, metrics = responder(), Metrics()
    metrics.add(one.readings)
    text = metrics.render().decode()
    assert "goim_auth_granted_total 0.0" in text
    assert 'goim_auth_refused_total{reason="bad_signature"} 0.0' in text
    one.answer(as_json("{}"))
    text = metrics.render().decode()
    assert 'goim_auth_refused_total{reason="no_token"} 1.0' in text


def test_nothing_is_logged_about_a_check_unless_it_is_traced() -> None:
    with capture_logs() as events:
        responder().answer(as_json(token()))
        responder().answer(as_json("{}"))
    assert events == []


def test_a_trace_tells_the_member_and_a_hash_and_never_the_token() -> None:
    with capture_logs() as events:
        responder(traced=True).answer(as_json(token(jti="number 7")))
        responder(traced=True).answer(as_json(token()))
        responder(OPEN, traced=True).answer(as_json('{"mid":5}'))
        responder(traced=True).answer(as_json('{"mid":5}'))
    assert [event["event"] for event in events] == ["auth_granted"] * 3 + ["auth_refused"]
    assert [event.get("user_id") for event in events] == [123, 123, 5, None]
    hashes = [event.get("token_hash", "none") for event in events]
    assert hashes[0] == "dab275a11362"
    assert len(hashes[1]) == 12
    assert hashes[2:] == ["", "none"]
    assert events[3]["reason"] == "no_token"
    assert not any(part in str(events) for part in ("number 7", *token().split(".")))


def test_an_error_of_our_own_is_answered_and_logged_without_the_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret body")

    monkeypatch.setattr("auth.responder.check_body", fail)
    one = responder()
    with capture_logs() as events:
        answer = json.loads(one.answer(as_json("secret body")))
    assert answer["error"] == {
        "code": 1011,
        "message": "an error on our side",
        "retry": "later",
    }
    assert one.refused["internal"] == 1
    assert events[0]["error"] == "ZeroDivisionError"
    assert "test_responder.py" in events[0]["where"]
    assert "secret" not in str(events)


def checked(payload: bytes, rules: AuthRules) -> messages_pb2.Grant:
    one = responder(rules)
    answer = one.answer(payload)
    assert one.refused["internal"] == 0
    grant = messages_pb2.Grant()
    return Parse(answer, grant) if payload[:1] == b"{" else grant.FromString(answer)


@given(st.binary(), st.booleans())
def test_any_bytes_give_a_grant_or_a_refusal(payload: bytes, unsigned: bool) -> None:
    for start in (b"", b"{", b'{"token":"', b"\x0a"):
        checked(start + payload, OPEN if unsigned else SIGNED_ONLY)


@given(st.text(), st.booleans())
def test_any_auth_body_gives_the_same_answer_in_both_encodings(body: str, unsigned: bool) -> None:
    rules = OPEN if unsigned else SIGNED_ONLY
    assert checked(as_json(body), rules) == checked(as_protobuf(body), rules)
