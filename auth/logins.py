"""DECIDE a login: what its refresh token is good for, and what a used one means.

A refresh token is `<login>.<secret>`; only the secret's hash is kept. Each refresh puts another
secret in its place, derived from the old one with a salt that never leaves the bucket: so a retry
whose answer was lost gets the same answer again, for a moment. Any other old secret means that
two have the token: the login is ended for both.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import Enum, auto
from hashlib import sha256
from hmac import compare_digest, digest
from secrets import token_bytes, token_urlsafe
from typing import NamedTuple

import msgspec

from auth.account import Account

SECRET_BYTES = 32
LOGIN_BYTES = 12  # 16 characters: the login's name, no secret
_LOGIN = re.compile(r"[A-Za-z0-9_-]{16}")
_TOKEN = re.compile(r"([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})")


class Login(msgspec.Struct, omit_defaults=True):
    """One login of a member on one device, as it is stored; prints without its secrets."""

    mid: int
    name: str  # the digest of the account's name
    secret: bytes  # SHA-256 of the refresh token's secret
    salt: bytes
    created_at: float  # unix seconds
    rotated_at: float
    generation: int  # the account's, when it began
    platform: str = ""
    key: str = ""
    accepts: list[int] = []
    room: str = ""

    def __repr__(self) -> str:
        return f"Login(mid={self.mid}, platform={self.platform!r})"


class Use(Enum):
    """What presenting a refresh token means."""

    GOOD = auto()
    RETRY = auto()  # used a moment ago; its successor was not used yet
    REUSED = auto()


class RefreshToken(NamedTuple):
    """A refresh token in its two parts."""

    login_id: str
    secret: bytes

    def text(self) -> str:
        """Return it as the client keeps it."""
        return f"{self.login_id}.{urlsafe_b64encode(self.secret).rstrip(b'=').decode()}"


def begin_login(
    account: Account, name: str, platform: str, key: str, accepts: list[int], room: str, now: float
) -> tuple[Login, RefreshToken]:
    """Return a new login and its refresh token."""
    token = RefreshToken(token_urlsafe(LOGIN_BYTES), token_bytes(SECRET_BYTES))
    login = Login(
        mid=account.mid,
        name=name,
        secret=sha256(token.secret).digest(),
        salt=token_bytes(SECRET_BYTES),
        created_at=now,
        rotated_at=now,
        generation=account.generation,
        platform=platform,
        key=key,
        accepts=accepts,
        room=room,
    )
    return login, token


def is_login_id(text: str) -> bool:
    """Tell whether that could be a login's name."""
    return _LOGIN.fullmatch(text) is not None


def parse_refresh_token(text: str) -> RefreshToken | None:
    """Return the two parts, None for what is no refresh token."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return None
    return RefreshToken(found[1], urlsafe_b64decode(found[2] + "="))


def judge_use(login: Login, token: RefreshToken, now: float, grace_seconds: float) -> Use:
    """Tell what it means that this token is presented."""
    if compare_digest(sha256(token.secret).digest(), login.secret):
        return Use.GOOD
    successor = _successor(login, token)
    is_last = compare_digest(sha256(successor.secret).digest(), login.secret)
    return Use.RETRY if is_last and now - login.rotated_at <= grace_seconds else Use.REUSED


def rotate(login: Login, token: RefreshToken, now: float) -> RefreshToken:
    """Put the next secret in place, unless it is there already; return the token with it."""
    successor = _successor(login, token)
    secret = sha256(successor.secret).digest()
    if secret != login.secret:
        login.secret, login.rotated_at = secret, now
    return successor


def is_void(login: Login, account: Account) -> bool:
    """Tell whether a change of the account has ended the login."""
    return login.mid != account.mid or login.generation < account.logins_generation


def encode_login(login: Login) -> bytes:
    """Write a login."""
    return _encoder.encode(login)


def decode_login(value: bytes) -> Login:
    """Read a login. Raises msgspec.DecodeError."""
    return _decoder.decode(value)


def _successor(login: Login, token: RefreshToken) -> RefreshToken:
    return RefreshToken(token.login_id, digest(login.salt, token.secret, "sha256"))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Login)
