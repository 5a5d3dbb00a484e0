import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, Parse
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from auth import grant as ours
from auth.errors import RequestMalformed, TokenExpired, TokenMissing
from auth.grant import (
    AuthRequest,
    Error,
    Grant,
    Positions,
    RoomGrant,
    decode_request,
    encode_grant,
    refusal,
)
from schemas import messages_pb2

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
grants = st.builds(
    Grant,
    mid=int64,
    key=st.text(),
    room=st.text(),
    platform=st.text(),
    accepts=st.lists(int32),
    rooms=st.lists(
        st.builds(RoomGrant, st.text(), st.booleans(), st.booleans(), st.booleans()), max_size=3
    ),
    expires_at=int64,
    ext=st.booleans(),
    resume=st.none() | st.builds(Positions, st.dictionaries(st.text(), int64)),
    error=st.none() | st.builds(Error, int32, st.text(), st.text()),
    join=st.lists(st.text(), max_size=3),
)


@pytest.mark.parametrize("name", ["AuthRequest", "Error", "RoomGrant", "Positions", "Grant"])
def test_each_struct_has_the_fields_of_its_message_in_the_schema(name: str) -> None:
    message = getattr(messages_pb2, name).DESCRIPTOR
    assert [one.name for one in fields(getattr(ours, name))] == [one.name for one in message.fields]


@given(grants)
def test_protobufs_json_parser_takes_what_is_written_and_finds_the_same_as_in_binary(
    grant: Grant,
) -> None:
    from_json = Parse(encode_grant(grant, as_json=True), messages_pb2.Grant())
    from_binary = messages_pb2.Grant.FromString(encode_grant(grant, as_json=False))
    assert from_json == from_binary
    assert (from_json.mid, list(from_json.accepts)) == (grant.mid, grant.accepts)
    assert list(from_json.join) == grant.join


def test_numbers_in_the_json_are_plain() -> None:
    grant = Grant(mid=2**63 - 1, expires_at=1, resume=Positions({"all": -5}))
    assert json.loads(encode_grant(grant, as_json=True)) == {
        "mid": 2**63 - 1,
        "expires_at": 1,
        "resume": {"topics": {"all": -5}},
    }


def test_an_empty_position_list_still_says_that_the_client_resumes() -> None:
    grant = Grant(resume=Positions())
    assert messages_pb2.Grant.FromString(encode_grant(grant, as_json=False)).HasField("resume")
    assert encode_grant(grant, as_json=True) == b'{"resume":{}}'


def test_a_refusal_has_code_words_and_when_to_come_back() -> None:
    assert refusal(TokenExpired(12.3)).error == Error(4002, "the token expired 12 s ago", "token")
    assert refusal(TokenMissing()).error == Error(4001, str(TokenMissing()), "never")


REQUEST = {
    "token": '{"mid":1}',
    "gateway": "g1",
    "address": "192.0.2.1",
    "transport": "ws",
    "cookie": "a=b",
}


def test_a_request_is_read_from_json_and_from_protobuf() -> None:
    binary = messages_pb2.AuthRequest(**REQUEST).SerializeToString()
    expected = AuthRequest(**REQUEST)
    assert decode_request(json.dumps(REQUEST).encode()) == decode_request(binary) == expected
    assert decode_request(b"") == decode_request(b"{}") == AuthRequest()


def test_unknown_fields_of_a_request_are_skipped() -> None:
    assert decode_request(b'{"token":"t","later":[{}],"gateway":null}').token == "t"


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'{"token":1}',
        b'{"token":"\xff"}',
        b'{"token":"\\ud800"}',
        b'{"x":' + b"[" * 5000,
        b"\xff\xff",
        b"\x0a\x02\xff\xff",
        b"[]",
    ],
)
def test_what_is_no_request_is_refused(payload: bytes) -> None:
    with pytest.raises(RequestMalformed):
        decode_request(payload)


@given(st.dictionaries(st.sampled_from(sorted(REQUEST)), st.text()))
def test_any_request_reads_the_same_in_both_encodings(values: dict[str, Any]) -> None:
    message = messages_pb2.AuthRequest(**values)
    as_json = json.dumps(MessageToDict(message)).encode()
    assert decode_request(as_json) == decode_request(message.SerializeToString())


def test_a_pattern_covers_one_room_or_all_that_begin_so() -> None:
    assert RoomGrant("live://1").covers("live://1")
    assert not RoomGrant("live://1").covers("live://10")
    assert RoomGrant("live://*").covers("live://10")
    assert RoomGrant("*").covers("")
    assert not RoomGrant("a*b").covers("aXb")
