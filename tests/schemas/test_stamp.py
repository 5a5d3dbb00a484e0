import json

from hypothesis import given
from hypothesis import strategies as st

from schemas.stamp import stamped_body


def test_a_text_comes_with_who_sent_it_and_when() -> None:
    stamped = stamped_body("héllo".encode(), 123, 7, 1764000000000)
    expected = '{"from":123,"sequence":7,"time":1764000000000,"body":"héllo"}'
    assert stamped.decode() == expected


def test_a_direct_message_says_whom_it_is_for() -> None:
    stamped = stamped_body(b"hi", 5, 12, 1764000000000, recipient=9)
    assert stamped == b'{"from":5,"to":9,"sequence":12,"time":1764000000000,"body":"hi"}'


@given(body=st.binary(max_size=100))
def test_every_body_can_be_had_back(body: bytes) -> None:
    told = json.loads(stamped_body(body, 1, 2, 3))
    restored = told["body"].encode() if "body" in told else told["bytes"].encode("latin-1")
    assert restored == body
    assert ("body" in told) != ("bytes" in told)
