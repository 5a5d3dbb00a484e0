"""Fuzz requests to the services: any bytes for any call, as protobuf and as JSON.

A finding is an exception other than RpcError, or a message that is another one after it was
written and read again.
"""

from google.protobuf.message import Message

from bus.codec import decode_request, encodable, encode_reply, error_headers
from bus.errors import RpcError
from schemas.calls import CALLS
from schemas.messages_pb2 import AuthRequest, PushRequest, RoomsRequest, TopRequest, WeightedRequest
from tests.fuzz.running import fuzz

REQUESTS: tuple[type[Message], ...] = (
    *(AuthRequest, PushRequest, RoomsRequest, TopRequest, WeightedRequest),
    *dict.fromkeys(call.request for call in CALLS),
)


def check_input(data: bytes) -> None:
    """Use the first byte to choose a request, the rest as what comes in."""
    kind, payload = REQUESTS[data[0] % len(REQUESTS) if data else 0], data[1:]
    try:
        request = decode_request(kind, payload)
    except RpcError:
        pass  # answered with 400
    else:
        binary = encode_reply(request, as_json=False)
        assert kind.FromString(binary) == request
        written = encode_reply(request, as_json=True)
        assert written[:1] == b"{"
        again = decode_request(kind, written)
        assert encode_reply(again, as_json=True) == written
    words = payload.decode("utf-8", "surrogateescape")
    encodable(words).encode()
    head = error_headers(400, words)
    assert head.count(b"\r\n") == error_headers(400, "words").count(b"\r\n")


if __name__ == "__main__":
    fuzz(check_input)
