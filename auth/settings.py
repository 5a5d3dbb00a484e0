"""The settings of the auth service."""

from dataclasses import dataclass

from auth.account_settings import AccountSettings
from auth.check import MAX_BODY_BYTES, AuthRules
from auth.errors import KeyRefused
from auth.keys import DEFAULT_KID, HS256, Key, KeyRing, make_key, parse_keys
from auth.tokens import LEEWAY_SECONDS, MAX_TOKEN_BYTES, TokenRules
from bus.environment import Environment
from bus.settings import BusSettings

TOKEN, OPEN = "token", "open"
AUDIENCE = "goimbus"
ANY_AUDIENCE = "*"
MAX_LEEWAY_SECONDS = 60  # more would keep a revoked or leaked token alive


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the bus is, how clients are checked, how accounts are kept."""

    bus: BusSettings
    rules: AuthRules
    accounts: AccountSettings

    @classmethod
    def read(cls, environment: Environment) -> "Settings":
        """Read GOIM_AUTH, GOIM_AUTH_* and GOIM_ACCOUNT*.

        Without a key only GOIM_AUTH=open can start.
        """
        mode = environment.text("GOIM_AUTH", TOKEN, (TOKEN, OPEN))
        ring = _ring(environment, required=mode == TOKEN)
        audience = environment.text("GOIM_AUTH_AUDIENCE", AUDIENCE)
        tokens = TokenRules(
            ring=ring,
            audience="" if audience == ANY_AUDIENCE else audience,
            issuer=environment.text("GOIM_AUTH_ISSUER"),
            leeway_seconds=environment.integer(
                "GOIM_AUTH_LEEWAY_SECONDS", LEEWAY_SECONDS, 0, MAX_LEEWAY_SECONDS
            ),
            max_bytes=environment.integer("GOIM_AUTH_MAX_TOKEN_BYTES", MAX_TOKEN_BYTES, 256, 65536),
        )
        max_body = environment.integer("GOIM_AUTH_MAX_BODY_BYTES", MAX_BODY_BYTES, 256, 131072)
        return cls(
            bus=BusSettings.read(environment),
            rules=AuthRules(tokens, unsigned=mode == OPEN, max_body_bytes=max_body),
            accounts=AccountSettings.read(environment, ring, is_open=mode == OPEN),
        )


def _ring(environment: Environment, required: bool) -> KeyRing:
    keys: list[Key] = []
    name = "GOIM_AUTH_SECRET"
    try:
        if secret := environment.secret(name):
            keys.append(make_key(environment.text("GOIM_AUTH_KID", DEFAULT_KID), HS256, secret))
        name = "GOIM_AUTH_KEYS"
        keys.extend(parse_keys(environment.secret(name)))
        ring = KeyRing.of(keys)
    except KeyRefused as refused:
        environment.refuse(name, f"can't be used: {refused}")
        return KeyRing()
    if required and not ring:
        words = "or GOIM_AUTH_KEYS must be set; GOIM_AUTH=open believes clients, for trials"
        environment.refuse("GOIM_AUTH_SECRET", words)
    return ring
