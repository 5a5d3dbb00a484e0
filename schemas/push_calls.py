"""The calls that push, described once (schemas/call.py); docs/http-api.md says what they do."""

from schemas.call import Call, Caller
from schemas.messages_pb2 import PushReply, PushRequest


def _push(name: str, words: str, command: str = "") -> Call:
    return Call(
        "pushes",
        name,
        PushRequest,
        PushReply,
        Caller.OPERATOR,
        words,
        ("bad_field", "key_pushes"),
        command,
    )


PUSH_CALLS = (
    _push("keys", "Push to the connections with these keys. It is not stored.", "push"),
    _push("mids", "Push to members: stored for each, delivered now or when it comes back."),
    _push("room", "Push to a room: stored as its type says, delivered to all in it."),
    _push("all", "Push to every connection, at so many a second."),
)
