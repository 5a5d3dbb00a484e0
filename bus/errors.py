"""What can go wrong on the bus.

BusError
├── Disconnected        NATS is away; nothing was sent, or nobody knows what became of it
├── NoResponders        nobody serves that subject
├── RequestTimeout      no answer within the deadline
├── NotSent             refused before it was sent
│   ├── BusOverloaded   more waits to be sent, or answered, than the limit
│   ├── PayloadTooLarge the server takes no message of that size
│   └── SubjectRefused  no subject: it would break the connection
├── PublishRefused      the server's permissions forbid that subject
├── StreamApiRefused    JetStream refuses a request about a stream or consumer
├── ReaderBehind        an ordered read has not come as far as was waited for
└── SettingsRefused     a setting can't be used (environment.py)
    └── CredentialsUnusable  the file NATS_CREDENTIALS names
RpcError                a handler refuses a request: code and words go to the caller
ValueChanged            somebody else wrote a value of a bucket first
"""


class BusError(Exception):
    """The bus could not do it."""


class Disconnected(BusError):
    """NATS is away. What was sent just before the cut may still have been carried out."""

    def __str__(self) -> str:
        return "not connected to NATS"


class NoResponders(BusError):
    """Nobody serves the subject of a request."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __str__(self) -> str:
        return f"nobody answers on {self.subject}"


class RequestTimeout(BusError):
    """No answer came within the deadline; the request may still have been carried out."""

    def __init__(self, subject: str, seconds: float) -> None:
        self.subject = subject
        self.seconds = seconds

    def __str__(self) -> str:
        return f"no answer on {self.subject} within {self.seconds:g} s"


class NotSent(BusError):
    """It was refused before it was sent; nothing has happened."""


class BusOverloaded(NotSent):
    """More waits to be sent (bytes) or answered (requests) than the limit: NATS is too slow."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        self.what = what
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.size} {self.what} wait for NATS, the limit is {self.limit}"


class PayloadTooLarge(NotSent):
    """The server cuts off who sends a message of that size."""

    def __init__(self, subject: str, size: int, limit: int) -> None:
        self.subject = subject
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.size} bytes for {self.subject}, NATS takes {self.limit}"


class SubjectRefused(NotSent):
    """A subject is empty, too long, or holds what would break the protocol."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.subject[:200]!r} is no subject"


class PublishRefused(BusError):
    """This connection's permissions don't allow that subject."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __str__(self) -> str:
        return f"NATS does not allow us to publish on {self.subject}"


class StreamApiRefused(BusError):
    """JetStream refuses a request; `code` is nats-server's err_code."""

    def __init__(self, subject: str, code: int, words: str) -> None:
        self.subject = subject
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return f"JetStream refuses {self.subject}: {self.words} ({self.code})"


class ReaderBehind(BusError):
    """An ordered read has not come as far as was waited for; the view over it is too old."""

    def __init__(self, stream: str, wanted: int, reached: int, seconds: float) -> None:
        self.stream = stream
        self.wanted = wanted
        self.reached = reached
        self.seconds = seconds

    def __str__(self) -> str:
        return (
            f"{self.stream} is read up to {self.reached}, not {self.wanted},"
            f" after {self.seconds:g} s"
        )


class SettingsRefused(BusError):
    """One or more settings can't be used; `problems` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class CredentialsUnusable(SettingsRefused):
    """The credentials file can't be read or is none."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__([f"NATS_CREDENTIALS names {path!r}, which can't be used: {why}"])
        self.path = path
        self.why = why


class RpcError(Exception):
    """Raised by a handler to refuse a request; becomes the `error` field of the reply.

    `reason`: a stable word for programs; `after`: seconds to wait, with retry "later".
    """

    def __init__(
        self, code: int, message: str, retry: str = "never", reason: str = "", after: int = 0
    ) -> None:
        self.code = code
        self.message = message
        self.retry = retry
        self.reason = reason
        self.after = after

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


class ValueChanged(Exception):
    """The value has another revision than the write expected, or is there already."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __str__(self) -> str:
        return f"{self.key} was written by somebody else"
