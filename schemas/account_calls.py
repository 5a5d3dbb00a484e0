"""The calls about accounts, described once (schemas/call.py); docs/accounts.md is about them."""

from google.protobuf.message import Message

from schemas import messages_pb2
from schemas.call import Call, Caller

COMMANDS = {
    "register": "account create",
    "login": "account login",
    "show": "account show",
    "deactivate": "account deactivate",
    "reactivate": "account reactivate",
    "role": "account role",
    "list": "account list",
}


CHECK = Call(
    "auth",
    "check",
    messages_pb2.AuthRequest,
    messages_pb2.Grant,
    Caller.GATEWAY,
    "Tell who a client is and what it may do. Anybody may answer in our place (docs/tokens.md).",
)


def _account(
    name: str,
    request: type[Message],
    reply: type[Message],
    caller: Caller,
    words: str,
    *reasons: str,
) -> Call:
    return Call("accounts", name, request, reply, caller, words, reasons, COMMANDS.get(name, ""))


_TOKEN = ("token_missing", "token_refused", "account_unknown", "not_activated", "deactivated")
_OPERATOR = (*_TOKEN, "not_operator")

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
    _account(
        "names",
        messages_pb2.NamesRequest,
        messages_pb2.NamesReply,
        Caller.MEMBER,
        "Tell names for mids and mids for names; those that there are not are left out.",
        "token_missing",
        "token_refused",
    ),
)
