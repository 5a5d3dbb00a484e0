"""The calls about what is kept, described once (schemas/call.py); docs/storage.md is about it."""

from schemas.call import Call, Caller
from schemas.messages_pb2 import (
    ConversationsReply,
    ConversationsRequest,
    HistoryReply,
    HistoryRequest,
    LastReply,
    LastRequest,
    PositionReply,
    PositionRequest,
    ReadReply,
    ReadRequest,
    ReplayReply,
    ReplayRequest,
    UnreadRequest,
)

ASKED = ("bad_field",)

STORE_CALLS = (
    Call(
        "store",
        "history",
        HistoryRequest,
        HistoryReply,
        Caller.MEMBER,
        "Read a page of what a room or a member was sent, oldest first.",
        ASKED,
    ),
    Call(
        "store",
        "read",
        ReadRequest,
        ReadReply,
        Caller.MEMBER,
        "Say up to where one has read rooms and direct messages; the answer counts the unread.",
        ASKED,
    ),
    Call(
        "store",
        "unread",
        UnreadRequest,
        ReadReply,
        Caller.MEMBER,
        "Count what is unread in rooms and direct messages.",
        ASKED,
    ),
    Call(
        "store",
        "conversations",
        ConversationsRequest,
        ConversationsReply,
        Caller.MEMBER,
        "List with whom one has direct messages, the newest first.",
        ASKED,
    ),
    Call(
        "store",
        "replay",
        ReplayRequest,
        ReplayReply,
        Caller.GATEWAY,
        "Read what a device has missed.",
    ),
    Call(
        "store",
        "last",
        LastRequest,
        LastReply,
        Caller.GATEWAY,
        "Tell the newest sequence of each topic.",
    ),
    Call(
        "store",
        "position",
        PositionRequest,
        PositionReply,
        Caller.GATEWAY,
        "Keep up to where devices were served.",
    ),
)
