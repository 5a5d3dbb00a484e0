"""Why a connection is cut off: number, words, and whether and when the client may come back.

On WebSocket the number and words are the close frame (RFC 6455 section 7.4; 4000 to 4999 are
ours). On TCP and for `ext` clients the same travels in an op 29 frame before the end.
"""

from enum import Enum


class Retry(Enum):
    """What a well-behaved client does after the close."""

    NEVER = "never"  # the same attempt would fail again
    TOKEN = "token"  # come back with a new token
    NOW = "now"  # at once, with jitter
    LATER = "later"  # after the told or a growing delay, with jitter


class CloseCode(Enum):
    """One reason to close. `number` is the WebSocket close code."""

    NORMAL = (1000, "bye", Retry.NEVER)
    GOING_AWAY = (1001, "the gateway is shutting down", Retry.NOW)
    PROTOCOL_ERROR = (1002, "the WebSocket protocol was broken", Retry.NEVER)
    UNSUPPORTED_DATA = (1003, "text messages are not accepted here", Retry.NEVER)
    INVALID_TEXT = (1007, "a text message is not UTF-8", Retry.NEVER)
    MESSAGE_TOO_BIG = (1009, "a message is too large or has too many fragments", Retry.NEVER)
    INTERNAL_ERROR = (1011, "an error on our side", Retry.LATER)
    BAD_FRAME = (4000, "that was no goim frame", Retry.NEVER)
    TOKEN_REFUSED = (4001, "the token was refused", Retry.NEVER)
    TOKEN_EXPIRED = (4002, "the token has expired", Retry.TOKEN)
    AUTH_TIMEOUT = (4003, "no valid auth frame within the handshake time", Retry.LATER)
    IDLE = (4004, "no heartbeat within the idle time", Retry.NOW)
    REPLACED = (4005, "another connection took its place", Retry.NEVER)
    ROOM_REFUSED = (4006, "the token does not open that room", Retry.NEVER)
    AUTH_UNAVAILABLE = (4007, "nobody can check tokens right now", Retry.LATER)
    TOO_MANY_CONNECTIONS = (4008, "too many connections", Retry.LATER)
    RATE_EXCEEDED = (4009, "too many frames", Retry.LATER)
    TOO_SLOW = (4010, "the client does not read what it is sent", Retry.NOW)
    KICKED = (4011, "removed by an operator", Retry.NEVER)
    MESSAGE_TIMEOUT = (4012, "a fragmented message took too long", Retry.NOW)

    def __init__(self, number: int, words: str, retry: Retry) -> None:
        self.number = number
        self.words = words
        self.retry = retry

    @classmethod
    def of(cls, number: int) -> "CloseCode":
        """Return the code with this number; INTERNAL_ERROR for one we don't know."""
        return next((code for code in cls if code.number == number), cls.INTERNAL_ERROR)
