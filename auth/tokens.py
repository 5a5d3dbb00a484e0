"""DECIDE a JWT in, who its bearer is out, or why not. Time is an argument.

RFC 8725 is the checklist: the key is chosen by `kid` from a fixed ring and brings its one
algorithm; `jku`, `x5u`, `jwk` and `x5c` are never looked at; `exp`, an identity, audience and
issuer are required. docs/tokens.md describes the claims.
"""

import math
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from jwt import InvalidSignatureError, PyJWS, PyJWTError

from auth.errors import (
    AlgorithmRefused,
    AudienceWrong,
    ClaimMissing,
    ClaimRefused,
    IssuerWrong,
    KeyUnknown,
    SignatureWrong,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
    TokenTooLarge,
)
from auth.grant import RoomGrant
from auth.keys import ALGORITHMS, Key, KeyRing
from schemas.policies import DEVICE_POLICIES
from schemas.subjects import MAX_ID_BYTES

MAX_TOKEN_BYTES = 4096
LEEWAY_SECONDS = 10
MAX_SECONDS = 10**11  # year 5138: more is milliseconds taken for seconds
MAX_PATTERN_BYTES = 2 * MAX_ID_BYTES + len("://*")
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,18}")
_MOST_INT64 = 2**63 - 1

_Mid = Annotated[int, msgspec.Meta(ge=-(2**63), le=_MOST_INT64)]
_Operation = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_Seconds = int | float


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None


class _RoomClaim(msgspec.Struct):
    pattern: str
    receive: bool = True
    send: bool = False
    history: bool = False
    recorded: bool = False


class _Claims(msgspec.Struct):
    exp: _Seconds | None = None
    nbf: _Seconds | None = None
    iat: Any = None
    aud: str | list[str] | None = None
    iss: str | None = None
    sub: str | None = None
    mid: _Mid | None = None
    jti: str | None = None
    key: str | None = None
    room: str | None = None
    platform: str | None = None
    accepts: list[_Operation] | None = None
    rooms: list[str | _RoomClaim] | None = None
    devices: str | None = None
    role: Any = None  # a site's own tokens may use these words for something else
    generation: Any = None


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be like. `audience` and `issuer` are not checked when empty."""

    ring: KeyRing
    audience: str = ""
    issuer: str = ""
    leeway_seconds: int = LEEWAY_SECONDS
    max_bytes: int = MAX_TOKEN_BYTES


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token is for. None stands for what it does not say."""

    mid: int
    expires_at: int  # unix seconds, the leeway included
    token_id: str  # claim `jti`, "" without
    key: str | None = None
    room: str | None = None
    platform: str | None = None
    accepts: list[int] | None = None
    rooms: list[RoomGrant] | None = None
    devices: str = ""
    issued_at: float = 0.0  # unix seconds, 0 without claim `iat`
    role: str = ""
    generation: int | None = None  # of the account; None for a token that is a site's own


def verify_token(token: str, rules: TokenRules, now: float) -> Identity:
    """Return whom the token is for. `now`: unix seconds. Raises Refused."""
    if len(token) > rules.max_bytes:
        raise TokenTooLarge(len(token), rules.max_bytes)
    claims = _read_claims(_verified_payload(token, _find_key(token, rules.ring)))
    _check_issue(claims, rules)
    return Identity(
        mid=_member(claims),
        expires_at=_check_times(claims, rules.leeway_seconds, now),
        token_id=claims.jti or "",
        key=claims.key,
        room=claims.room,
        platform=claims.platform,
        accepts=claims.accepts,
        rooms=None if claims.rooms is None else [_room_grant(one) for one in claims.rooms],
        devices=_device_policy(claims),
        issued_at=claims.iat if isinstance(claims.iat, int | float) else 0.0,
        role=claims.role if isinstance(claims.role, str) else "",
        generation=claims.generation if isinstance(claims.generation, int) else None,
    )


def _find_key(token: str, ring: KeyRing) -> Key:
    try:
        segment = token[: token.index(".")]
        header = _header_decoder.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        raise TokenMalformed("its header can't be read") from None
    key = ring.find(header.kid)
    if key is None:
        raise KeyUnknown(named=header.kid is not None)
    if header.alg != key.algorithm:
        raise AlgorithmRefused
    return key


def _verified_payload(token: str, key: Key) -> bytes:
    try:
        payload: bytes = _signatures.decode(token, key.material, algorithms=[key.algorithm])
    except InvalidSignatureError:
        raise SignatureWrong from None
    except (PyJWTError, ValueError):
        raise TokenMalformed("its parts can't be read") from None
    return payload


def _read_claims(payload: bytes) -> _Claims:
    try:
        return _claims_decoder.decode(payload)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        name = place.strip("`").removeprefix("$.") or "payload"
        raise ClaimRefused(name, what.removeprefix("Expected ")) from None
    except (ValueError, RecursionError):  # msgspec: UnicodeDecodeError for bytes that are no UTF-8
        raise TokenMalformed("its payload is no JSON") from None


def _check_issue(claims: _Claims, rules: TokenRules) -> None:
    if rules.audience:
        if claims.aud is None:
            raise ClaimMissing("aud")
        named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if rules.audience not in named:
            raise AudienceWrong
    if rules.issuer:
        if claims.iss is None:
            raise ClaimMissing("iss")
        if claims.iss != rules.issuer:
            raise IssuerWrong


def _check_times(claims: _Claims, leeway: int, now: float) -> int:
    """Return when the bearer's time is up: `exp` and the leeway, so that none ends as it begins."""
    if claims.exp is None:
        raise ClaimMissing("exp")
    for name, seconds in (("exp", claims.exp), ("nbf", claims.nbf or 0)):
        if not 0 <= seconds <= MAX_SECONDS:
            raise ClaimRefused(name, "in unix seconds, not milliseconds")
    if now >= claims.exp + leeway:
        raise TokenExpired(now - claims.exp)
    if claims.nbf is not None and now < claims.nbf - leeway:
        raise TokenNotYetValid(claims.nbf - now)
    return math.ceil(claims.exp) + leeway


def _member(claims: _Claims) -> int:
    """Return claim `mid`, else `sub` as a decimal number."""
    if claims.mid is not None:
        return claims.mid
    if claims.sub is None:
        raise ClaimMissing("sub")
    mid = int(claims.sub) if _DECIMAL.fullmatch(claims.sub) else _MOST_INT64 + 1
    if not -_MOST_INT64 - 1 <= mid <= _MOST_INT64:
        raise ClaimRefused("sub", "a decimal number of 64 bits, where there is no claim mid")
    return mid


def _device_policy(claims: _Claims) -> str:
    if claims.devices not in (None, *DEVICE_POLICIES):
        raise ClaimRefused("devices", f"one of {', '.join(DEVICE_POLICIES)}")
    return claims.devices or ""


def _room_grant(claim: str | _RoomClaim) -> RoomGrant:
    """Read a pattern with all rights, or one that says which."""
    if isinstance(claim, str):
        claim = _RoomClaim(claim, receive=True, send=True, history=True)
    if not 1 <= len(claim.pattern.encode()) <= MAX_PATTERN_BYTES:
        raise ClaimRefused("rooms", f"patterns of 1 to {MAX_PATTERN_BYTES} bytes")
    return RoomGrant(claim.pattern, claim.receive, claim.send, claim.history, claim.recorded)


_header_decoder = msgspec.json.Decoder(_Header)
_claims_decoder = msgspec.json.Decoder(_Claims)
_signatures = PyJWS(algorithms=list(ALGORITHMS))
