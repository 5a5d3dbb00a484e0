"""The settings of accounts (docs/accounts.md); each has its reason beside it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from auth.grant import RoomGrant
from auth.hashing import HashRules
from auth.keys import HS256, Key, KeyRing
from auth.names import OPERATOR, ROLES, SERVICE, USER
from auth.slowing import Rate
from bus.environment import Environment, Secret

OPEN, CLOSED, OFF = "open", "closed", "off"
CODE, NONE = "code", "none"
DAY_SECONDS = 86_400
NAME_TRIES, ADDRESS_TRIES = Rate(10, 10.0), Rate(60, 1.0)
REGISTRATIONS, CODES = Rate(20, 30.0), Rate(3, 60.0)
HASHING = HashRules()
_WHOLE = msgspec.json.Decoder(dict[str, list[str | dict[str, Any]]])


@dataclass(frozen=True)
class AccountSettings:
    """How accounts are made and used."""

    mode: str = OPEN  # closed: only operators make accounts; off: no account calls at all
    activation: str = CODE  # none: a new account is active at once
    first_mid: int = 1_000_000  # below are the mids of a site's own members
    api_key: Secret = field(default=Secret(""), repr=False)  # opens what operators may do
    replicas: int = 1
    hashing: HashRules = HASHING
    key: Key | None = None  # signs tokens
    token_seconds: int = 3600  # a connection ends with its token
    refresh_seconds: int = 30 * DAY_SECONDS
    refresh_grace_seconds: float = 10.0  # for a retry whose answer was lost
    most_logins: int = 100  # of a member; one more ends the one not used for longest
    most_names: int = 5  # that a member may have, one after the other: all stay taken
    code_seconds: int = 3600
    pending_seconds: int = DAY_SECONDS  # an account not activated is forgotten, its name is free
    accepts: tuple[int, ...] = (1000,)
    rooms: dict[str, list[RoomGrant]] = field(default_factory=dict)
    push_url: str = ""
    name_tries: Rate = NAME_TRIES
    address_tries: Rate = ADDRESS_TRIES  # offices share an address; only failures count
    registrations: Rate = REGISTRATIONS
    codes: Rate = CODES
    most_wait_seconds: float = 300.0

    @classmethod
    def read(cls, environment: Environment, ring: KeyRing, is_open: bool) -> "AccountSettings":
        """Read GOIM_ACCOUNT*, GOIM_API_KEY and GOIM_REPLICAS."""
        whole, text = environment.integer, environment.text
        return cls(
            mode=text("GOIM_ACCOUNTS", cls.mode, (OPEN, CLOSED, OFF)),
            activation=text("GOIM_ACCOUNT_ACTIVATION", cls.activation, (CODE, NONE)),
            first_mid=whole("GOIM_ACCOUNT_FIRST_MID", cls.first_mid, 1, 2**53),
            api_key=environment.secret("GOIM_API_KEY"),
            replicas=whole("GOIM_REPLICAS", cls.replicas, 1, 5),
            hashing=_hashing(environment),
            key=_signing_key(environment, ring),
            token_seconds=whole("GOIM_ACCOUNT_TOKEN_SECONDS", cls.token_seconds, 10, DAY_SECONDS),
            refresh_seconds=whole("GOIM_ACCOUNT_REFRESH_SECONDS", cls.refresh_seconds, 60),
            refresh_grace_seconds=environment.number(
                "GOIM_ACCOUNT_REFRESH_GRACE_SECONDS", cls.refresh_grace_seconds, 0, 60
            ),
            most_logins=whole("GOIM_ACCOUNT_MOST_LOGINS", cls.most_logins, 1, 1000),
            most_names=whole("GOIM_ACCOUNT_MOST_NAMES", cls.most_names, 1, 1000),
            code_seconds=whole("GOIM_ACCOUNT_CODE_SECONDS", cls.code_seconds, 10, DAY_SECONDS),
            pending_seconds=whole("GOIM_ACCOUNT_PENDING_SECONDS", cls.pending_seconds, 60),
            accepts=_accepts(environment, cls.accepts),
            rooms=_rooms(environment, is_open),
            push_url=text("GOIM_ACCOUNT_PUSH_URL").rstrip("/"),
            name_tries=_rate(environment, "NAME", cls.name_tries),
            address_tries=_rate(environment, "ADDRESS", cls.address_tries),
            registrations=_rate(environment, "REGISTER", cls.registrations),
            codes=_rate(environment, "CODE", cls.codes),
            most_wait_seconds=environment.number(
                "GOIM_ACCOUNT_MOST_WAIT_SECONDS", cls.most_wait_seconds, 0, DAY_SECONDS
            ),
        )


def _hashing(environment: Environment) -> HashRules:
    whole = environment.integer
    return HashRules(
        threads=whole("GOIM_ACCOUNT_HASHERS", HASHING.threads, 1, 64),
        waiting=whole("GOIM_ACCOUNT_HASH_QUEUE", HASHING.waiting, 0, 10_000),
        memory_kib=whole("GOIM_ACCOUNT_HASH_KIB", HASHING.memory_kib, 8, 4_194_304),
        rounds=whole("GOIM_ACCOUNT_HASH_ROUNDS", HASHING.rounds, 1, 1000),
    )


def _signing_key(environment: Environment, ring: KeyRing) -> Key | None:
    """Return the named key, else the first that can sign; None where there is none."""
    kid = environment.text("GOIM_ACCOUNT_KID")
    if not kid:
        return next((key for key in ring.by_kid.values() if key.algorithm == HS256), None)
    key = ring.by_kid.get(kid)
    if key is None or key.algorithm != HS256:
        environment.refuse("GOIM_ACCOUNT_KID", f"names no {HS256} key: {kid!r}")
        return None
    return key


def _rate(environment: Environment, name: str, default: Rate) -> Rate:
    tries, seconds = f"GOIM_ACCOUNT_{name}_TRIES", f"GOIM_ACCOUNT_{name}_TRY_SECONDS"
    return Rate(
        environment.integer(tries, default.burst, 0, 1_000_000),
        environment.number(seconds, default.seconds, 0.001, DAY_SECONDS),
    )


def _accepts(environment: Environment, default: tuple[int, ...]) -> tuple[int, ...]:
    name = "GOIM_ACCOUNT_ACCEPTS"
    words = environment.texts(name, tuple(map(str, default)))
    try:
        numbers = tuple(int(word) for word in words)
    except ValueError:
        numbers = (2**31,)
    if not all(-(2**31) <= number < 2**31 for number in numbers):
        environment.refuse(name, "must be operations of 32 bits with commas between")
        return default
    return numbers


def _rooms(environment: Environment, is_open: bool) -> dict[str, list[RoomGrant]]:
    """Return which rooms a role's tokens open. Where guests get all rooms, users do too.

    Else a user's token opens the rooms that were opened by somebody: their records say to whom.
    """
    everything = [_room("*")]
    recorded = RoomGrant("*", receive=True, send=True, history=True, recorded=True)
    rooms = {USER: everything if is_open else [_room("live://*"), recorded]}
    rooms |= {SERVICE: everything, OPERATOR: everything}
    name = "GOIM_ACCOUNT_ROOMS"
    described = environment.text(name)
    if not described:
        return rooms
    try:
        found = {
            role: [_room(one) for one in listed]
            for role, listed in _WHOLE.decode(described).items()
        }
    except (ValueError, TypeError, RecursionError):
        found = {"": []}
    if not found.keys() <= set(ROLES):
        environment.refuse(name, 'must be JSON such as {"user": ["live://*"]}, by role')
        return rooms
    return rooms | found


def _room(described: str | dict[str, Any]) -> RoomGrant:
    if isinstance(described, str):
        return RoomGrant(described, receive=True, send=True, history=True)
    return msgspec.convert({"receive": True, **described}, RoomGrant)
