"""DECIDE an account in, a signed token and goim's auth JSON out. Time is an argument."""

from dataclasses import dataclass, field
from json import dumps
from secrets import token_urlsafe
from typing import Any, NamedTuple

import jwt

from auth.account import Account
from auth.grant import RoomGrant
from auth.keys import HS256, Key
from auth.logins import Login

SERIAL_BYTES = 6  # tells the tokens of one login apart


@dataclass(frozen=True, slots=True)
class IssueRules:
    """How tokens are made. `key` None: none can be made."""

    key: Key | None
    audience: str = ""
    issuer: str = ""
    seconds: int = 3600
    accepts: tuple[int, ...] = ()
    rooms: dict[str, list[RoomGrant]] = field(default_factory=dict)  # by role


class Issued(NamedTuple):
    """A token, when it expires (unix seconds), and the auth JSON that holds it."""

    token: str
    expires_at: int
    auth_json: str


def issue(account: Account, login_id: str, login: Login, rules: IssueRules, now: float) -> Issued:
    """Return a token for this login. `rules.key` must be there."""
    assert rules.key is not None
    assert isinstance(rules.key.material, bytes)
    expires_at = int(now) + rules.seconds
    claims: dict[str, Any] = {
        "sub": str(account.mid),
        "iat": int(now),
        "exp": expires_at,
        "jti": f"{login_id}.{token_urlsafe(SERIAL_BYTES)}",
        "role": account.role,
        "generation": account.generation,
        "rooms": [_room_claim(one) for one in rules.rooms.get(account.role, [])],
    }
    optional = {
        "aud": rules.audience,
        "iss": rules.issuer,
        "platform": login.platform,
        "key": login.key,
        "accepts": login.accepts,
    }
    claims |= {name: value for name, value in optional.items() if value}
    token = jwt.encode(claims, rules.key.material, HS256, {"kid": rules.key.kid})
    return Issued(token, expires_at, _auth_json(account.mid, login, rules, token))


def login_of(token_id: str) -> str:
    """Return the login that a `jti` of ours belongs to."""
    return token_id.partition(".")[0]


def _auth_json(mid: int, login: Login, rules: IssueRules, token: str) -> str:
    values: dict[str, Any] = {
        "mid": mid,
        "key": login.key,
        "room_id": login.room,
        "platform": login.platform,
        "accepts": login.accepts or list(rules.accepts),
        "token": token,
    }
    return dumps({name: value for name, value in values.items() if value}, ensure_ascii=False)


def _room_claim(grant: RoomGrant) -> str | dict[str, Any]:
    if grant.receive and grant.send and grant.history and not grant.recorded:
        return grant.pattern
    rights = {"receive": grant.receive, "send": grant.send, "history": grant.history}
    recorded = {"recorded": True} if grant.recorded else {}
    return {"pattern": grant.pattern, **rights, **recorded}
