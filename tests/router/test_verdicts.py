"""What is asked about a message, and which answers count."""

import json

import pytest

from router.admission import Sending
from router.verdicts import AnswerUnusable, Verdict, admit_request, read_verdict

IN_ROOM = Sending("room.chat.a=2Eb", "chat", 5, 1000, "g1.1", "")


def test_a_message_to_a_room_is_asked_about_in_plain_words() -> None:
    asked = json.loads(admit_request(IN_ROOM, "héllo".encode()))
    assert asked == {"room": "chat://a.b", "from": "5", "operation": 1000, "body": "héllo"}


def test_a_signal_to_a_member_that_is_no_text() -> None:
    signal = Sending("member.9", "direct", 5, 4, "", "", recipient=9, cast=True)
    asked = json.loads(admit_request(signal, b"\xff\x00"))
    expected = {"to": "9", "from": "5", "operation": 4, "bytes": "\xff\x00", "cast": True}
    assert asked == expected


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({}, b"as it was"),
        ({"allow": True}, b"as it was"),
        ({"body": "h\u00e9"}, "hé".encode()),
        ({"body": ""}, b""),
        ({"bytes": "\xff\x00"}, b"\xff\x00"),
    ],
)
def test_an_answer_lets_a_message_pass_with_its_body_or_another(
    answer: dict[str, object], body: bytes
) -> None:
    assert read_verdict(json.dumps(answer).encode(), b"as it was", 100) == Verdict(body)


def refusal(**error: object) -> tuple[object, ...]:
    told = read_verdict(json.dumps({"error": error}).encode(), b"x", 100).error
    assert told is not None
    return told.code, told.reason, told.message, told.retry, told.after


def test_a_refusal_is_told_as_far_as_it_makes_sense() -> None:
    words = {"code": 451, "reason": "no_politics", "message": "not here", "retry": "later"}
    assert refusal(**words, after=60) == (451, "no_politics", "not here", "later", 60)
    default = (403, "not_admitted", "the message was refused", "never", 0)
    assert refusal() == default
    assert refusal(code=200, reason="A b!", retry="soon", after=-1) == default
    assert refusal(message="x" * 999)[2] == "x" * 200


NO_ANSWERS = [b"", b"ok", b"[]", b"{", b"\xff", b'{"body":5}', b'{"bytes":"\\u0100"}']
NO_ANSWERS += [b'{"a":' * 5000, b'{"body":"\\ud800"}', json.dumps({"body": "x" * 101}).encode()]


@pytest.mark.parametrize("payload", NO_ANSWERS)
def test_any_other_answer_says_nothing(payload: bytes) -> None:
    with pytest.raises(AnswerUnusable):
        read_verdict(payload, b"as it was", 100)
