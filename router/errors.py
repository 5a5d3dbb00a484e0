"""What the router refuses, as data. All of these are answered in a reply's `error` field.

RouterError              bus.errors.RpcError with a stable code
├── RequestRefused       400  the request makes no sense; `why` says what is wrong
├── RoomRefused               a call about a room, or sending into one; RoomReason lists all
├── SendingForbidden     403  nobody may send to rooms of this type
├── SenderUnknown        403  who has no member's number can't send to members
├── OperationRefused     405  a client may send op 4 and ops from 100 on
├── IdTooOld             409  the id tells a time from which ids may be forgotten (dated_ids.py)
├── BodyTooLarge         413
├── AdmissionRefused          who is asked before a message is sent says no; code 400 to 599
├── RateExceeded         429  come back after `seconds`; the reason is the limit (bus/limits.py)
├── AdmissionAway        503  who has to be asked before a message is sent does not answer
├── QueueFull            503  more waits to be stored than the limit; nothing was stored
├── NotConfirmed         503  JetStream did not answer in time; it may be stored, or may come to be
├── StorageRefused       503  JetStream refused the message, with its own code and words; 413
│                             where it is over the stream's limit
├── GatewaySilent        503  a gateway that holds keys of the push did not answer
└── PresenceAway         503  Redis can't be reached

A retry with the same message id never stores twice within the stream's duplicate window.
"""

from enum import Enum
from math import ceil

from bus.errors import RpcError
from bus.limits import MEMBER_CASTS, MEMBER_MESSAGES, ROOM_MESSAGES
from schemas.close_codes import Retry
from schemas.rooms import Denial

BAD_REQUEST = 400
FORBIDDEN = 403
OPERATION_REFUSED = 405
CONFLICT = 409
TOO_LARGE = 413
RATE_EXCEEDED = 429
UNAVAILABLE = 503
_TOO_MANY = {
    MEMBER_MESSAGES: "too many messages",
    MEMBER_CASTS: "too many signals",
    ROOM_MESSAGES: "too many messages of all together",
}
MESSAGE_TOO_LARGE = 10054  # nats-server's err_code: over the stream's max_msg_size


class RouterError(RpcError):
    """The router refuses a request; `code` is stable, `message` is for people."""


class RequestRefused(RouterError):
    """The request makes no sense."""

    def __init__(self, why: str) -> None:
        super().__init__(BAD_REQUEST, why, Retry.NEVER.value)
        self.why = why


class SendingForbidden(RouterError):
    """The room type's policy lets nobody send."""

    def __init__(self, room_type: str) -> None:
        words = f"nobody may send to rooms of type {room_type!r}"
        super().__init__(FORBIDDEN, words, Retry.NEVER.value)
        self.room_type = room_type


class SenderUnknown(RouterError):
    """Only a member sends to members: there is nobody to answer."""

    def __init__(self) -> None:
        super().__init__(FORBIDDEN, "only who has a member's number may do that", Retry.NEVER.value)


class OperationRefused(RouterError):
    """The operation is goim's own, not a message of the application."""

    def __init__(self, operation: int) -> None:
        words = f"operation {operation} is not 4 and not 100 or more"
        super().__init__(OPERATION_REFUSED, words, Retry.NEVER.value)
        self.operation = operation


class IdTooOld(RouterError):
    """Whether a message with this id was stored before, nobody can be sure of any more."""

    def __init__(self, age_seconds: float, limit_seconds: float) -> None:
        words = (
            f"too old to be sure: the first try was {age_seconds:.0f} s ago, "
            f"and ids are remembered for certain for {limit_seconds:.0f} s"
        )
        super().__init__(CONFLICT, words, Retry.NEVER.value, "id_too_old")
        self.age_seconds = age_seconds
        self.limit_seconds = limit_seconds


class BodyTooLarge(RouterError):
    """A body is over its limit."""

    def __init__(self, size: int, limit: int) -> None:
        words = f"a body of {size} bytes is over the limit of {limit}"
        super().__init__(TOO_LARGE, words, Retry.NEVER.value)
        self.size = size
        self.limit = limit


class AdmissionRefused(RouterError):
    """The responder of `goim.admit.<type>` refuses a message, in its own words."""

    def __init__(self, code: int, words: str, retry: str, reason: str, after: int) -> None:
        super().__init__(code, words, retry, reason, after)


class AdmissionAway(RouterError):
    """The room type's policy wants a message admitted, and nobody does it in time."""

    def __init__(self, problem: str) -> None:
        words = f"nobody can admit the message right now: {problem}"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value, "admission_away")
        self.problem = problem


class RateExceeded(RouterError):
    """More is sent than a limit of rates allows; the next one in so many seconds."""

    def __init__(self, seconds: float, limit: str) -> None:
        words = f"{_TOO_MANY[limit]}, the next one in {seconds:.1f} s"
        super().__init__(RATE_EXCEEDED, words, Retry.LATER.value, limit, ceil(seconds))
        self.seconds = seconds
        self.limit = limit


class QueueFull(RouterError):
    """More messages wait to be stored than the limit."""

    def __init__(self, messages: int, size: int) -> None:
        words = f"{messages} messages of {size} bytes wait to be stored already"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.messages = messages
        self.size = size


class NotConfirmed(RouterError):
    """No confirmation within the time for it; the message may or may not be stored."""

    def __init__(self, seconds: float, last_problem: str) -> None:
        words = f"not confirmed within {seconds:g} s: {last_problem}"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.seconds = seconds
        self.last_problem = last_problem


class StorageRefused(RouterError):
    """JetStream refused to store the message."""

    def __init__(self, number: int, description: str) -> None:
        words = f"storage refused it: {description} ({number})"
        if number == MESSAGE_TOO_LARGE:
            super().__init__(TOO_LARGE, words, Retry.NEVER.value)
        else:
            super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.number = number
        self.description = description


class GatewaySilent(RouterError):
    """Gateways that hold keys of a push did not answer in time; those may have been served."""

    def __init__(self, gateways: int, keys: int) -> None:
        words = f"{gateways} gateways with {keys} of the keys did not answer"
        super().__init__(UNAVAILABLE, words, Retry.LATER.value)
        self.gateways = gateways
        self.keys = keys


class PresenceAway(RouterError):
    """Redis can't be reached, so nobody knows who is connected where."""

    def __init__(self, problem: str) -> None:
        super().__init__(UNAVAILABLE, f"presence is away: {problem}", Retry.LATER.value)
        self.problem = problem


class RoomReason(Enum):
    """Why a room refuses: code (as HTTP has it), when to try again, words.

    The name in small letters is the `reason` that programs read; it never changes.
    """

    BAD_ROOM = (400, Retry.NEVER, "a room is named type://id, each of 1 to 128 bytes")
    BAD_FIELD = (400, Retry.NEVER, "a field can't be used")
    BAD_NAME = (400, Retry.NEVER, "the name can't be used")
    NOT_OWNER = (403, Retry.NEVER, "only the owner may do that")
    NOT_ADMIN = (403, Retry.NEVER, "only the owner and admins may do that")
    OUTRANKED = (403, Retry.NEVER, "nobody does that to the owner, and no admin to an admin")
    OPENED_BY_SERVICES = (403, Retry.NEVER, "rooms of this type are opened by services")
    NOT_INVITED = (403, Retry.NEVER, "the room is by invitation")
    NOT_A_MEMBER = (403, Retry.NEVER, "the room is for its members")
    BANNED = (403, Retry.NEVER, "you are banned from the room")
    MUTED = (403, Retry.NEVER, "you are muted in the room")
    ANNOUNCEMENTS = (403, Retry.NEVER, "only the owner and admins send in this room")
    ROOM_CLOSED = (403, Retry.NEVER, "the room is closed")
    ROOM_UNKNOWN = (404, Retry.NEVER, "no such room was opened")
    MEMBER_UNKNOWN = (404, Retry.NEVER, "that is no member of the room")
    ROOM_EXISTS = (409, Retry.NEVER, "the room is there already")
    OWNER_STAYS = (409, Retry.NEVER, "the owner has to hand the room over, or close it")
    MEMBER_BANNED = (409, Retry.NEVER, "that member is banned from the room")
    ROOM_FULL = (409, Retry.LATER, "the room has as many members as it may have")
    LIST_FULL = (409, Retry.LATER, "that list has as many entries as it may have")
    TOO_MANY_ROOMS = (409, Retry.NEVER, "a member may not own more rooms of this type")
    CHANGED_MEANWHILE = (409, Retry.NOW, "others changed the room at the same time")
    RECORD_UNREADABLE = (500, Retry.NEVER, "the record of the room can't be read")
    ROOMS_AWAY = (503, Retry.LATER, "rooms can't be read or changed right now")

    def __init__(self, code: int, retry: Retry, words: str) -> None:
        self.code = code
        self.retry = retry
        self.words = words


class RoomRefused(RouterError):
    """A room refuses a call, or what a client sends. `after`: seconds to wait."""

    def __init__(self, why: RoomReason, words: str = "", retry: str = "", after: int = 0) -> None:
        super().__init__(
            why.code, words or why.words, retry or why.retry.value, why.name.lower(), after
        )
        self.why = why

    @classmethod
    def of(cls, denial: Denial, now: float) -> "RoomRefused":
        """Return the refusal that a record's denial is."""
        retry, after = denial.retry(now)
        return cls(RoomReason[denial.reason.upper()], denial.words, retry, after)
