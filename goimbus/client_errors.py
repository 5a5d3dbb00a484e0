"""What can go wrong for a user of the client.

ClientError
├── ConnectFailed        no login within the time to connect; the last reason is in it
├── ClosedByServer       the server ended it and said that coming back is no use
├── ConnectionLost       the connection ended before the answer, and it is not sent again
├── ClientClosed         the client was closed before the answer
├── AnswerTimeout        no answer within the time to send
├── SendRefused          the server did not take a message
├── RoomRefused          the server did not let the client into a room
├── AskRefused           the server does not tell what was asked
└── BodyTooLarge         a message is over the limit of what a client may send
UrlRefused (ValueError)  no address of a goim server
"""

from schemas.close_codes import CloseCode


class ClientError(Exception):
    """The client could not do it."""


class UrlRefused(ValueError):
    """An address is not one of ws, wss, tcp or tls with a host (and a port for the latter two)."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return f"{self.url!r} is no ws://host/sub, wss://host/sub, tcp://host:port, tls://host:port"


class ConnectFailed(ClientError):
    """The first login did not come about in time."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"no login at {self.url}: {self.reason}"


class ClosedByServer(ClientError):
    """The server ended the connection for good; `code` is one of schemas/close_codes.py."""

    def __init__(self, code: int, words: str = "") -> None:
        self.code = code
        self.words = words or CloseCode.of(code).words

    def __str__(self) -> str:
        return f"the server ended the connection: {self.words} ({self.code})"


class ConnectionLost(ClientError):
    """The connection ended before the answer; the server may have taken it or not.

    `number` is the message's own: where the server has extensions, and the client is in the same
    room again, it tries the same once more.
    """

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __str__(self) -> str:
        return "the connection ended before the answer; it may have been taken or not"


class ClientClosed(ClientError):
    """The client was closed before the answer; the server may have taken it or not."""

    def __str__(self) -> str:
        return "the client is closed"


class AnswerTimeout(ClientError):
    """No answer in time. `send(..., number=error.number)` tries again and is stored once."""

    def __init__(self, seconds: float, number: int) -> None:
        self.seconds = seconds
        self.number = number

    def __str__(self) -> str:
        return f"no answer within {self.seconds:g} s; it may have been taken or not"


class SendRefused(ClientError):
    """The server did not take a message: `code` and `words` say why, `number` tries again."""

    def __init__(self, code: int, words: str, number: int = 0) -> None:
        self.code = code
        self.words = words
        self.number = number

    def __str__(self) -> str:
        return f"not sent: {self.words} ({self.code})"


class RoomRefused(ClientError):
    """The server did not let the client into a room; `change_room` has left the one before."""

    def __init__(self, room: str, code: int, words: str) -> None:
        self.room = room
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return f"room {self.room!r}: {self.words} ({self.code})"


class AskRefused(ClientError):
    """The server does not tell what was asked of the past: `code` and `words` say why."""

    def __init__(self, code: int, words: str) -> None:
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return f"not told: {self.words} ({self.code})"


class BodyTooLarge(ClientError):
    """A message is over what a client may send; nothing was sent."""

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"a body of {self.size} bytes, the most is {self.limit}"
