from schemas import messages_pb2
from schemas.json_schema import message_schema, schemas_of


def test_a_message_is_described_as_protobufs_json_writes_it() -> None:
    schemas = schemas_of([messages_pb2.PresenceReply, messages_pb2.StoredMessage], (), ())
    reply = schemas["PresenceReply"]["properties"]
    assert reply["resend"] == {"type": "boolean"}
    assert reply["connections"] == {"type": "integer", "minimum": 0}
    assert reply["elsewhere"] == {
        "type": "object",
        "additionalProperties": {"type": "integer", "format": "int32"},
    }
    assert reply["error"] == message_schema(messages_pb2.Error)
    stored = schemas["StoredMessage"]["properties"]
    assert stored["body"] == {"type": "string", "contentEncoding": "base64"}
    assert stored["sequence"]["type"] == ["string", "integer"]


def test_messages_inside_messages_are_described_too() -> None:
    schemas = schemas_of([messages_pb2.LoginReply], (), ())
    assert {"LoginReply", "WeightedReply", "Backoff", "Error", "Refusal"} == set(schemas)
    nodes = schemas["WeightedReply"]["properties"]["nodes"]
    assert nodes == {"type": "array", "items": {"type": "string"}}
    assert schemas["Backoff"]["properties"]["jitter"] == {"type": "number"}


def test_hidden_fields_are_left_out_of_what_is_asked_only() -> None:
    request, reply = messages_pb2.LogoutRequest, messages_pb2.LoginReply
    schemas = schemas_of([request, reply], ("token",), {request})
    assert "token" not in schemas["LogoutRequest"]["properties"]
    assert "token" in schemas["LoginReply"]["properties"]
