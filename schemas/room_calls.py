"""The calls about rooms, described once (schemas/calls.py); docs/rooms.md says what they do."""

from google.protobuf.message import Message

from schemas.call import Call, Caller
from schemas.messages_pb2 import (
    DescribeRoomRequest,
    ListRoomsReply,
    ListRoomsRequest,
    OpenRoomRequest,
    RegulateRoomRequest,
    RenameRoomRequest,
    RoomMemberRequest,
    RoomReply,
    RoomRequest,
)

ANY_ROOM = ("bad_room", "bad_field", "room_unknown", "record_unreadable", "rooms_away")
CHANGE = (*ANY_ROOM, "changed_meanwhile", "list_full")
OWNERS = (*CHANGE, "not_owner")
ADMINS = (*CHANGE, "not_admin")
BY_HTTP = ("key_missing", "token_refused", "token_forbids", "auth_unavailable")  # the gateway's


def _call(
    name: str,
    request: type[Message],
    words: str,
    reasons: tuple[str, ...],
    command: str | None = None,
) -> Call:
    reply = ListRoomsReply if request is ListRoomsRequest else RoomReply
    command = f"room {name.replace('_', '-')}" if command is None else command
    return Call("rooms", name, request, reply, Caller.MEMBER, words, reasons, command)


ROOM_CALLS = (
    _call(
        "open",
        OpenRoomRequest,
        "Give a room a record, with its owner; or open a closed one again.",
        (*CHANGE, "bad_name", "room_exists", "opened_by_services", "too_many_rooms"),
    ),
    _call("close", RoomRequest, "Close a room: everybody leaves, nobody enters.", OWNERS),
    _call("rename", RenameRoomRequest, "Call a room something else.", (*ADMINS, "bad_name")),
    _call("describe", DescribeRoomRequest, "Describe a room.", ADMINS),
    _call(
        "regulate",
        RegulateRoomRequest,
        "Change who may enter, and who may send.",
        (*OWNERS, "room_closed"),
    ),
    _call(
        "get",
        RoomRequest,
        "Tell what a room is, and who is in it.",
        (*ANY_ROOM, "not_a_member"),
        "room show",
    ),
    _call("list", ListRoomsRequest, "List one's rooms, page by page.", ("bad_field", "bad_room")),
    _call(
        "search",
        ListRoomsRequest,
        "Find rooms by a part of their words.",
        ("bad_field",),
        "room list",
    ),
    _call(
        "join",
        RoomRequest,
        "Come to the list of members.",
        (*CHANGE, "not_invited", "banned", "room_closed", "room_full"),
        "",
    ),
    _call("leave", RoomRequest, "Go off the list, or decline.", (*CHANGE, "owner_stays"), ""),
    _call("invite", RoomMemberRequest, "Let a member join.", (*ADMINS, "member_banned")),
    _call(
        "kick",
        RoomMemberRequest,
        "Put a member out at once; it may come back as the access lets it.",
        (*ADMINS, "outranked", "member_unknown"),
    ),
    _call("ban", RoomMemberRequest, "Put a member out, and keep it out.", (*ADMINS, "outranked")),
    _call("unban", RoomMemberRequest, "End a ban.", ADMINS),
    _call("mute", RoomMemberRequest, "Let a member read, not send.", (*ADMINS, "outranked")),
    _call("unmute", RoomMemberRequest, "End a mute.", ADMINS),
    _call("promote", RoomMemberRequest, "Make a member an admin.", (*OWNERS, "member_unknown")),
    _call("demote", RoomMemberRequest, "Make an admin a member.", (*OWNERS, "member_unknown")),
    _call("hand_over", RoomMemberRequest, "Make a member the owner.", (*OWNERS, "member_unknown")),
)
