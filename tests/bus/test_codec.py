import json

from hypothesis import given
from hypothesis import strategies as st

from bus.codec import decode_request, encode_reply, error_headers
from bus.errors import RpcError
from schemas.headers import header_value
from schemas.messages_pb2 import PushRequest, SendReply, TotalReply, TotalRequest


@given(payload=st.binary(max_size=60))
def test_any_payload_is_a_request_or_refused_with_400(payload: bytes) -> None:
    for request_type in (PushRequest, TotalRequest):
        code = 400
        try:
            decode_request(request_type, payload)
        except RpcError as error:
            code = error.code
        assert code == 400


def test_json_answers_have_the_schemas_names() -> None:
    reply = TotalReply(connections=3, client_addresses=2)
    assert json.loads(encode_reply(reply, as_json=True)) == {
        "connections": 3,
        "client_addresses": 2,
    }
    assert encode_reply(SendReply(), as_json=False) == b""


@given(words=st.text(max_size=400))
def test_any_words_of_an_error_fit_a_header(words: str) -> None:
    block = error_headers(500, words)
    assert block.count(b"\r\n") == 4
    assert header_value(block, "Nats-Service-Error-Code") == "500"
