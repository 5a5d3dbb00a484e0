"""What a call of the API is: one row, from which all that must agree about it follows.

NATS subject, HTTP route, OpenAPI and AsyncAPI documents, `goimbus` commands. The rows are in
account_calls.py, room_calls.py, presence_calls.py, push_calls.py and store_calls.py, all together
in calls.py; tests hold services, gateway, documents and commands to them.
"""

from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import Message

from schemas.subjects import Subjects

API = "/api/v1"
# Fields that the gateway fills in for a caller by HTTP: nobody gives them in the body there.
FROM_HTTP = ("token", "address", "operator")
GENERAL = ("bad_field", "slow_down", "busy", "unavailable")


class Caller(Enum):
    """Who may make a call by HTTP. On NATS it is whoever may publish on its subject."""

    ANYONE = "anyone"
    MEMBER = "a member, with an access token"
    OPERATOR = "an operator, with an access token or the API key"
    GATEWAY = "the gateways, on NATS alone"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a request on NATS, a POST by HTTP.

    `reasons`: the stable words of the refusals that are its own; those of GENERAL may come too.
    `command`: the `goimbus` command that makes it, such as `room open`; empty: only `goimbus call`.
    """

    service: str
    name: str
    request: type[Message]
    reply: type[Message]
    caller: Caller
    words: str
    reasons: tuple[str, ...] = ()
    command: str = ""

    def subject(self, subjects: Subjects) -> str:
        """Return where it is asked on NATS."""
        return subjects.rpc(self.service, self.name)

    @property
    def full_name(self) -> str:
        """Return what it is called where all calls are listed, such as `rooms.open`."""
        return f"{self.service}.{self.name}"

    @property
    def is_by_http(self) -> bool:
        """Tell whether the gateway takes it by HTTP."""
        return self.caller is not Caller.GATEWAY

    @property
    def path(self) -> str:
        """Return where it is asked by HTTP."""
        return f"{API}/{self.service}/{self.name}"
