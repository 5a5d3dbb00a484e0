"""What is asked and answered on `goim.auth.check`, as schemas/messages.proto has it.

msgspec writes the JSON (five times faster than protobuf's json_format, with plain ints), protobuf
the binary form; tests/auth/test_grant.py holds the fields of both against each other.
"""

import msgspec
from google.protobuf.message import DecodeError

from auth.errors import Refused, RequestMalformed
from schemas import messages_pb2


class AuthRequest(msgspec.Struct):
    """What the gateway asks: `token` is the body of the client's auth frame."""

    token: str | None = ""
    gateway: str | None = ""
    address: str | None = ""
    transport: str | None = ""
    cookie: str | None = ""


class Error(msgspec.Struct, omit_defaults=True):
    """A refusal: a number and words of schemas/close_codes.py, and when to come back."""

    code: int = 0
    message: str = ""
    retry: str = ""
    reason: str = ""
    after: int = 0


class RoomGrant(msgspec.Struct, omit_defaults=True):
    """What a pattern of rooms opens: a room id, or the beginning of one and a final `*`.

    `recorded`: only those that have a record, which says more.
    """

    pattern: str = ""
    receive: bool = False
    send: bool = False
    history: bool = False
    recorded: bool = False

    def covers(self, room: str) -> bool:
        """Tell whether the pattern is about this room."""
        if self.pattern.endswith("*"):
            return room.startswith(self.pattern[:-1])
        return room == self.pattern


class Positions(msgspec.Struct, omit_defaults=True):
    """The last sequence handled per topic: `member`, `all` or a room id."""

    topics: dict[str, int] = {}


class Grant(msgspec.Struct, omit_defaults=True):
    """Who the client is and what it may do; with `error` all else is void."""

    mid: int = 0
    key: str = ""
    room: str = ""
    platform: str = ""
    accepts: list[int] = []
    rooms: list[RoomGrant] = []
    expires_at: int = 0
    ext: bool = False
    resume: Positions | None = None
    error: Error | None = None
    token_id: str = ""
    device: str = ""
    devices: str = ""
    role: str = ""
    join: list[str] = []


def refusal(refused: Refused) -> Grant:
    """Return the Grant that says no."""
    code = refused.code
    return Grant(error=Error(code.number, str(refused), code.retry.value))


def is_json(payload: bytes) -> bool:
    """Tell the two encodings apart, as every request on the bus is told apart."""
    return payload[:1] == b"{"


def decode_request(payload: bytes) -> AuthRequest:
    """Read an AuthRequest in JSON or protobuf. Raises RequestMalformed."""
    try:
        if is_json(payload):
            return _json_decoder.decode(payload)
        message = messages_pb2.AuthRequest.FromString(payload)
    except (msgspec.DecodeError, DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestMalformed from None
    return AuthRequest(
        message.token, message.gateway, message.address, message.transport, message.cookie
    )


def encode_grant(grant: Grant, as_json: bool) -> bytes:
    """Write a Grant in JSON or protobuf."""
    return _json_encoder.encode(grant) if as_json else _protobuf(grant).SerializeToString()


def _protobuf(grant: Grant) -> messages_pb2.Grant:
    message = messages_pb2.Grant(
        mid=grant.mid,
        key=grant.key,
        room=grant.room,
        platform=grant.platform,
        accepts=grant.accepts,
        expires_at=grant.expires_at,
        ext=grant.ext,
        token_id=grant.token_id,
        device=grant.device,
        devices=grant.devices,
        role=grant.role,
        join=grant.join,
    )
    for room in grant.rooms:
        message.rooms.add(
            pattern=room.pattern,
            receive=room.receive,
            send=room.send,
            history=room.history,
            recorded=room.recorded,
        )
    if grant.resume is not None:
        message.resume.SetInParent()
        message.resume.topics.update(grant.resume.topics)
    if grant.error is not None:
        error = grant.error
        message.error.CopyFrom(
            messages_pb2.Error(
                code=error.code,
                message=error.message,
                retry=error.retry,
                reason=error.reason,
                after=error.after,
            )
        )
    return message


_json_decoder = msgspec.json.Decoder(AuthRequest)
_json_encoder = msgspec.json.Encoder()
