"""Why a client is refused. Words go to the client's developer: no keys, no token, no claim in them.

Refused                    `reason` is a metric label, `code` what the client is closed with
├── RequestMalformed       what came on NATS is no AuthRequest (the caller's fault)
├── InternalFault          we failed (our own fault); the client may come back
├── BodyTooLarge
├── JsonRefused            the body is neither JSON that Go takes nor a JWT
├── FieldRefused           a field of the JSON has the wrong type or range
├── RoomRefused            a room that can't be: over 128 bytes, or an empty type or id
├── SessionKeyRefused      a key over 128 bytes
├── TokenMissing           goim's bare JSON where tokens are asked for
├── TokenTooLarge
├── TokenMalformed         no three parts of base64url, or a header that is none
├── KeyUnknown             no key has the token's `kid`
├── AlgorithmRefused       the token's `alg` is not the one of its key
├── SignatureWrong
├── ClaimMissing
├── ClaimRefused           a claim has the wrong type or range
├── AudienceWrong, IssuerWrong
├── TokenExpired           a new token cures it
├── TokenNotYetValid
├── TokenRevoked           its login has ended, or it was taken back by name
├── TokenOutdated          made before a change of role or password; a new token cures it
└── MemberBlocked          the account is deactivated
KeyRefused                 a key in the settings can't be used (keys.py)
AccountRefused             an account call is refused: `Reason` lists all of them
"""

from enum import Enum
from typing import ClassVar

from bus.errors import RpcError
from schemas.close_codes import CloseCode


class Refused(Exception):
    """A client may not in."""

    reason: ClassVar[str]
    code: ClassVar[CloseCode] = CloseCode.TOKEN_REFUSED


class RequestMalformed(Refused):
    """What came on NATS is no AuthRequest."""

    reason = "bad_request"
    code = CloseCode.INTERNAL_ERROR

    def __str__(self) -> str:
        return "the request is no AuthRequest, in protobuf or JSON"


class InternalFault(Refused):
    """An exception that nobody expected; logged where it is caught."""

    reason = "internal"
    code = CloseCode.INTERNAL_ERROR

    def __str__(self) -> str:
        return self.code.words


class _TooLarge(Refused):
    what: ClassVar[str]

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"the {self.what} has {self.size} bytes, {self.limit} are allowed"


class BodyTooLarge(_TooLarge):
    """The auth body is over the limit (GOIM_AUTH_MAX_BODY_BYTES)."""

    reason = "body_too_large"
    what = "auth body"


class JsonRefused(Refused):
    """The body is not one JSON object, as Go's parser sees it, and no JWT either."""

    reason = "bad_json"

    def __init__(self, why: str) -> None:
        self.why = why

    def __str__(self) -> str:
        return f"the auth body is neither a JSON object nor a JWT: {self.why}"


class FieldRefused(Refused):
    """A field of the auth JSON has the wrong type or range."""

    reason = "bad_field"

    def __init__(self, name: str, expected: str) -> None:
        self.name = name
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.name} in the auth JSON must be {self.expected}"


class RoomRefused(Refused):
    """A room id has an empty or over-long part; which rooms are open is the gateway's to say."""

    reason = "bad_room"
    code = CloseCode.ROOM_REFUSED

    def __init__(self, why: str) -> None:
        self.why = why

    def __str__(self) -> str:
        return f"a room that can't be: {self.why}"


class SessionKeyRefused(Refused):
    """A session key is longer than an id may be."""

    reason = "bad_key"

    def __init__(self, why: str) -> None:
        self.why = why

    def __str__(self) -> str:
        return f"a key that can't be: {self.why}"


class TokenMissing(Refused):
    """goim's bare JSON where signed tokens are asked for."""

    reason = "no_token"

    def __str__(self) -> str:
        return 'a signed token is needed: "token": "<JWT>" in the auth JSON, or a JWT as the body'


class TokenTooLarge(_TooLarge):
    """The token is over the limit (GOIM_AUTH_MAX_TOKEN_BYTES)."""

    reason = "token_too_large"
    what = "token"


class TokenMalformed(Refused):
    """That is no signed JWT in compact form."""

    reason = "bad_token"

    def __init__(self, why: str) -> None:
        self.why = why

    def __str__(self) -> str:
        return f"the token is no signed JWT: {self.why}"


class KeyUnknown(Refused):
    """No key has the token's `kid`; or it has none and there is no key for such tokens."""

    reason = "unknown_key"

    def __init__(self, named: bool) -> None:
        self.named = named

    def __str__(self) -> str:
        return "no key has the token's kid" if self.named else "the token names no key (kid)"


class AlgorithmRefused(Refused):
    """The token's `alg` is not the one its key is for."""

    reason = "wrong_algorithm"

    def __str__(self) -> str:
        return "the token's alg is not the one of its key"


class SignatureWrong(Refused):
    """Somebody else signed it, or it was changed."""

    reason = "bad_signature"

    def __str__(self) -> str:
        return "the token's signature is wrong"


class ClaimMissing(Refused):
    """A claim that must be there is not."""

    reason = "claim_missing"

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"the token lacks the claim {self.name}"


class ClaimRefused(Refused):
    """A claim has the wrong type or range."""

    reason = "bad_claim"

    def __init__(self, name: str, expected: str) -> None:
        self.name = name
        self.expected = expected

    def __str__(self) -> str:
        return f"the token's claim {self.name} must be {self.expected}"


class AudienceWrong(Refused):
    """The token is meant for another system."""

    reason = "wrong_audience"

    def __str__(self) -> str:
        return "the token's aud is not ours"


class IssuerWrong(Refused):
    """The token is by another issuer."""

    reason = "wrong_issuer"

    def __str__(self) -> str:
        return "the token's iss is not the one we trust"


class TokenExpired(Refused):
    """The token was good once."""

    reason = "expired"
    code = CloseCode.TOKEN_EXPIRED

    def __init__(self, seconds_ago: float) -> None:
        self.seconds_ago = seconds_ago

    def __str__(self) -> str:
        return f"the token expired {self.seconds_ago:.0f} s ago"


class TokenNotYetValid(Refused):
    """The token's `nbf` lies in the future."""

    reason = "not_yet_valid"

    def __init__(self, seconds_ahead: float) -> None:
        self.seconds_ahead = seconds_ahead

    def __str__(self) -> str:
        return f"the token is valid in {self.seconds_ahead:.0f} s only: compare the clocks"


class TokenRevoked(Refused):
    """The login that the token is from has ended, or the token was taken back."""

    reason = "revoked"

    def __str__(self) -> str:
        return "the token was revoked: log in again"


class TokenOutdated(Refused):
    """The token is older than a change of its member's password or role."""

    reason = "outdated"
    code = CloseCode.TOKEN_EXPIRED

    def __str__(self) -> str:
        return "the token is older than a change of the account: get a new one"


class MemberBlocked(Refused):
    """The member's account is deactivated."""

    reason = "blocked"

    def __str__(self) -> str:
        return "the account is deactivated"


class KeyRefused(ValueError):
    """A key in the settings can't be used; says which, never what it is."""

    def __init__(self, kid: str, why: str) -> None:
        self.kid = kid
        self.why = why

    def __str__(self) -> str:
        return f"key {self.kid!r} {self.why}"


def all_reasons() -> list[str]:
    """Return every reason once, for counters that begin at zero."""
    found: list[str] = []
    waiting = Refused.__subclasses__()
    while waiting:
        kind = waiting.pop(0)
        waiting.extend(kind.__subclasses__())
        if "reason" in vars(kind):
            found.append(kind.reason)
    return found


class Reason(Enum):
    """Why an account call is refused: code (as HTTP has it), when to try again, words.

    The name in small letters is the `reason` that programs read; it never changes.
    """

    BAD_NAME = (400, "never", "the name can't be used")
    BAD_PASSWORD = (400, "never", "the password can't be used")
    BAD_CONTACT = (400, "never", "the contact can't be used")
    BAD_FIELD = (400, "never", "a field can't be used")
    LOGIN_FAILED = (401, "never", "name or password is wrong")
    CODE_REFUSED = (401, "never", "the code is wrong or has expired")
    TOKEN_MISSING = (401, "token", "an access token is needed")
    TOKEN_REFUSED = (401, "token", "the access token was refused")
    REFRESH_REFUSED = (401, "never", "the refresh token is not good any more: log in again")
    REFRESH_REUSED = (401, "never", "the refresh token was used before: its login is ended")
    NOT_ACTIVATED = (403, "never", "the account is not activated yet")
    DEACTIVATED = (403, "never", "the account is deactivated")
    NOT_OPERATOR = (403, "never", "only operators may do that")
    REGISTRATION_CLOSED = (403, "never", "accounts are made by operators here")
    ACCOUNT_UNKNOWN = (404, "never", "there is no such account")
    LOGIN_UNKNOWN = (404, "never", "you have no such login")
    NAME_TAKEN = (409, "never", "the name is taken")
    TOO_MANY_NAMES = (409, "never", "the account has had as many names as it may have")
    CHANGED_MEANWHILE = (409, "now", "the account was changed by somebody else meanwhile")
    SLOW_DOWN = (429, "later", "too many tries")
    BUSY = (429, "later", "too many passwords are being checked, try again later")
    NO_SIGNING_KEY = (503, "later", "this service has no key to sign tokens with")
    UNAVAILABLE = (503, "later", "accounts can't be read or written right now")

    def __init__(self, code: int, retry: str, words: str) -> None:
        self.code = code
        self.retry = retry
        self.words = words


class AccountRefused(RpcError):
    """An account call is refused. `after`: seconds to wait."""

    def __init__(self, why: Reason, words: str = "", after: int = 0) -> None:
        super().__init__(why.code, words or why.words, why.retry, why.name.lower(), after)
        self.why = why
