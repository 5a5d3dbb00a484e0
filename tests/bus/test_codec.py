import json

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from bus.codec import decode_request, encode_reply, error_headers
from bus.errors import RpcError
from schemas.headers import header_value
from schemas.messages_pb2 import (
    AdmitReply,
    Backoff,
    Device,
    PresenceReply,
    PushRequest,
    ReadReply,
    ReadState,
    SendReply,
    SessionEvent,
    TotalReply,
    TotalRequest,
    UndeliveredEvent,
    WeightedReply,
)


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


TEXTS = st.text(max_size=5)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**64 - 1)
MESSAGES = st.one_of(
    st.builds(
        SessionEvent,
        what=TEXTS,
        mid=NUMBERS,
        devices=st.lists(st.builds(Device, device=TEXTS, since_ms=NUMBERS), max_size=2),
    ),
    st.builds(UndeliveredEvent, operation=st.integers(-9, 9), sequence=COUNTS, body=st.binary()),
    st.builds(
        ReadReply,
        rooms=st.dictionaries(TEXTS, st.builds(ReadState, read=COUNTS), max_size=2),
        members=st.dictionaries(NUMBERS, st.builds(ReadState, last=COUNTS), max_size=2),
        more=st.booleans(),
    ),
    st.builds(PresenceReply, elsewhere=st.dictionaries(TEXTS, st.integers(0, 9), max_size=2)),
    st.builds(AdmitReply, body=TEXTS),
    st.just(AdmitReply()),
    st.builds(WeightedReply, backoff=st.builds(Backoff, factor=st.just(1.6))),
)


@given(message=MESSAGES)
def test_json_is_what_protobuf_makes_of_it(message: Message) -> None:
    expected = MessageToJson(message, preserving_proto_field_name=True, indent=None)
    assert encode_reply(message, as_json=True) == expected.encode()


@given(words=st.text(max_size=400))
def test_any_words_of_an_error_fit_a_header(words: str) -> None:
    block = error_headers(500, words)
    assert block.count(b"\r\n") == 4
    assert header_value(block, "Nats-Service-Error-Code") == "500"
