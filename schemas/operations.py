"""goim's operation numbers, and the extensions that only `ext` clients see."""

from enum import IntEnum


class Operation(IntEnum):
    """What a frame asks or says (goim v2 `api/protocol/operation.go` for 0 to 17).

    18 to 99 are Goimbus extensions: sent only to, and taken only from, clients whose auth
    frame holds `"ext": 1`. 100 and above, and 4, are messages of the application.
    """

    HANDSHAKE = 0
    HANDSHAKE_REPLY = 1
    HEARTBEAT = 2
    HEARTBEAT_REPLY = 3  # body: int32, members online in the connection's room
    SEND_MESSAGE = 4
    SEND_MESSAGE_REPLY = 5  # `ext` only; body: JSON with `sequence` or `error`
    DISCONNECT_REPLY = 6
    AUTH = 7
    AUTH_REPLY = 8  # body empty; for `ext` clients JSON with key, room, heartbeat, positions
    RAW = 9  # a batch: the body is whole frames, back to back
    CHANGE_ROOM = 12
    CHANGE_ROOM_REPLY = 13
    SUBSCRIBE = 14
    SUBSCRIBE_REPLY = 15
    UNSUBSCRIBE = 16
    UNSUBSCRIBE_REPLY = 17
    ACKNOWLEDGE = 18  # `ext`: positions the client has handled, JSON
    TOPIC = 19  # `ext`: the pushed frames that follow belong to this topic
    SEND_TO = 20  # `ext`: a message for a given room or member, JSON; answered by 5
    JOIN_ROOM = 21  # `ext`: a further room to hear, JSON
    JOIN_ROOM_REPLY = 22
    LEAVE_ROOM = 23  # `ext`: a further room to hear no more, JSON
    LEAVE_ROOM_REPLY = 24
    ROOM_EVENT = 26  # `ext`: what happened to the room or a member of it, JSON
    ROOM_LEFT = 27  # `ext`: the connection is not in the room any more, and why, JSON
    GAP = 28  # `ext`: messages of a topic that can't be had any more, JSON
    CLOSING = 29  # `ext`: why the connection ends and when to come back, JSON
    HISTORY = 30  # `ext`: a page of older messages, JSON
    HISTORY_REPLY = 31
    READ = 32  # `ext`: what the member has read, JSON; answered with what is unread
    READ_REPLY = 33


FIRST_BUSINESS_OPERATION = 100


def is_business(operation: int) -> bool:
    """Tell whether a client's frame with this operation is a message for its room."""
    return operation == Operation.SEND_MESSAGE or operation >= FIRST_BUSINESS_OPERATION
