"""DECIDE how requests and answers are written: protobuf or its JSON mapping, errors in headers."""

from typing import TypeVar

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import DecodeError, Message

from bus.errors import RpcError
from bus.micro import ERROR, ERROR_CODE
from schemas.headers import encode_headers

BAD_REQUEST = 400
ERROR_WORDS = 200  # characters of an error in a header

Request = TypeVar("Request", bound=Message)


def decode_request(request_type: type[Request], payload: bytes) -> Request:
    """Return the message in binary protobuf or, when it begins with `{`, in JSON.

    Raises RpcError 400.
    """
    try:
        if payload[:1] == b"{":
            return Parse(payload, request_type(), ignore_unknown_fields=True)
        request = request_type()
        request.ParseFromString(payload)
        return request
    except (ParseError, DecodeError, UnicodeDecodeError, RecursionError):
        name = request_type.DESCRIPTOR.name
        words = f"the request is no {name}, in protobuf or JSON"
        raise RpcError(BAD_REQUEST, words, reason="bad_request") from None


def encode_reply(message: Message, as_json: bool) -> bytes:
    """Return the message as JSON (protobuf's mapping, field names as in the schema) or binary."""
    if as_json:
        text: str = MessageToJson(message, preserving_proto_field_name=True, indent=None)
        return text.encode()
    return message.SerializeToString()


def error_headers(code: int, words: str) -> bytes:
    """Return the headers of an answer that says no (NATS ADR-32)."""
    line = encodable(" ".join(words.split()))[:ERROR_WORDS] or "error"
    return encode_headers({ERROR: line, ERROR_CODE: str(code)})


def encodable(words: str) -> str:
    """Return words that any message and header can hold."""
    return words.encode("utf-8", "replace").decode()
