"""What `ext` clients are told of what is read and unread (op 33)."""

from typing import Any

from schemas.messages_pb2 import ReadReply, ReadState


def read_values(reply: ReadReply) -> dict[str, Any]:
    """Return the body as values for JSON: `{"rooms": {id: {...}}, "members": {"9": {...}}}`."""
    values: dict[str, Any] = {
        "rooms": {room: _state(state) for room, state in reply.rooms.items()},
        "members": {str(peer): _state(state) for peer, state in reply.members.items()},
    }
    if reply.more:
        values["more"] = True
    return values


def _state(state: ReadState) -> dict[str, int]:
    return {"read": state.read, "unread": state.unread, "last": state.last}
