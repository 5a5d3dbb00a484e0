"""Every call of the management API, described once.

From this follow the NATS subject, the HTTP route, the OpenAPI and AsyncAPI documents and what
the services serve; tests hold docs and services to it.
"""

from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import Message

from schemas import messages_pb2
from schemas.subjects import Subjects

API = "/api/v1"
# Fields that the gateway fills in for a caller by HTTP: nobody gives them in the body there.
FROM_HTTP = ("token", "address")


class Caller(Enum):
    """Who may make a call."""

    ANYONE = "anyone"
    MEMBER = "a member, with an access token"
    OPERATOR = "an operator, with an access token or the API key"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a request on NATS, a POST by HTTP.

    `reasons`: the stable words of the refusals that are its own; those of GENERAL may come too.
    """

    service: str
    name: str
    request: type[Message]
    reply: type[Message]
    caller: Caller
    words: str
    reasons: tuple[str, ...] = ()

    def subject(self, subjects: Subjects) -> str:
        """Return where it is asked on NATS."""
        return subjects.rpc(self.service, self.name)

    @property
    def path(self) -> str:
        """Return where it is asked by HTTP."""
        return f"{API}/{self.service}/{self.name}"


def _account(
    name: str,
    request: type[Message],
    reply: type[Message],
    caller: Caller,
    words: str,
    *reasons: str,
) -> Call:
    return Call("accounts", name, request, reply, caller, words, reasons)


_TOKEN = ("token_missing", "token_refused", "account_unknown", "not_activated", "deactivated")
_OPERATOR = (*_TOKEN, "not_operator")

GENERAL = ("bad_field", "slow_down", "busy", "unavailable")

ACCOUNT_CALLS = (
    _account(
        "register",
        messages_pb2.RegisterRequest,
        messages_pb2.RegisterReply,
        Caller.ANYONE,
        "Make an account. A retry with the same name and password gives the same mid.",
        "bad_name",
        "bad_password",
        "bad_contact",
        "name_taken",
        "registration_closed",
        "changed_meanwhile",
        *_OPERATOR,
    ),
    _account(
        "activate",
        messages_pb2.ActivateRequest,
        messages_pb2.DoneReply,
        Caller.ANYONE,
        "Make an account active by the code that was sent.",
        "code_refused",
        "changed_meanwhile",
    ),
    _account(
        "login",
        messages_pb2.LoginRequest,
        messages_pb2.LoginReply,
        Caller.ANYONE,
        "Log in by name and password: tokens, the auth JSON, and which gateways to try.",
        "login_failed",
        "bad_password",
        "not_activated",
        "deactivated",
        "no_signing_key",
    ),
    _account(
        "refresh",
        messages_pb2.RefreshRequest,
        messages_pb2.LoginReply,
        Caller.ANYONE,
        "Get new tokens for a refresh token, which is good for one use.",
        "refresh_refused",
        "refresh_reused",
        "not_activated",
        "deactivated",
        "no_signing_key",
        "changed_meanwhile",
    ),
    _account(
        "logout",
        messages_pb2.LogoutRequest,
        messages_pb2.DoneReply,
        Caller.MEMBER,
        "End a login, or all of them: its tokens are void, its connections are cut.",
        "refresh_refused",
        "refresh_reused",
        "changed_meanwhile",
        *_TOKEN,
    ),
    _account(
        "password",
        messages_pb2.PasswordRequest,
        messages_pb2.LoginReply,
        Caller.MEMBER,
        "Change one's password by the old one. All logins end; the answer is a new one.",
        "login_failed",
        "bad_password",
        "no_signing_key",
        "changed_meanwhile",
        *_TOKEN,
    ),
    _account(
        "forgot",
        messages_pb2.ForgotRequest,
        messages_pb2.DoneReply,
        Caller.ANYONE,
        "Have a code sent to the owner of a name. The answer is the same for every name.",
    ),
    _account(
        "reset",
        messages_pb2.ResetRequest,
        messages_pb2.DoneReply,
        Caller.ANYONE,
        "Set a new password by the code that was sent. All logins end.",
        "bad_password",
        "code_refused",
        "account_unknown",
        "not_activated",
        "deactivated",
        "changed_meanwhile",
    ),
    _account(
        "show",
        messages_pb2.ShowAccountRequest,
        messages_pb2.AccountReply,
        Caller.MEMBER,
        "Show one's own account; operators may name any by mid or name.",
        *_OPERATOR,
    ),
    _account(
        "deactivate",
        messages_pb2.DeactivateRequest,
        messages_pb2.AccountReply,
        Caller.MEMBER,
        "Close one's own account by its password; operators may close any.",
        "login_failed",
        "bad_password",
        "changed_meanwhile",
        *_OPERATOR,
    ),
    _account(
        "reactivate",
        messages_pb2.ReactivateRequest,
        messages_pb2.AccountReply,
        Caller.OPERATOR,
        "Open a closed account again, or make a pending one active.",
        "changed_meanwhile",
        *_OPERATOR,
    ),
    _account(
        "role",
        messages_pb2.RoleRequest,
        messages_pb2.AccountReply,
        Caller.OPERATOR,
        "Give an account another role. Its access tokens end, its logins go on.",
        "changed_meanwhile",
        *_OPERATOR,
    ),
    _account(
        "list",
        messages_pb2.ListAccountsRequest,
        messages_pb2.ListAccountsReply,
        Caller.OPERATOR,
        "List accounts in order of mid, by part of the name, role and state, page by page.",
        *_OPERATOR,
    ),
)
CALLS = ACCOUNT_CALLS
