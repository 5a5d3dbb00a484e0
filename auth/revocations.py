"""DECIDE which tokens are void before they expire: a table, fed from the bucket GOIM_REVOKED.

    token.<id>     {"until": 1800003600}     that `jti`, or all tokens of the login of that name
    member.<mid>   {"before": 1800000000.5}  all tokens of the member made before (claim `iat`)
    member.<mid>   {"generation": 3}         the same for tokens with a `generation`: ours
    member.<mid>   {"blocked": true}         all tokens of the member

Any service may write there; each auth process follows it. An entry is needed no longer than the
last token that it is about could live.
"""

import msgspec

from auth.errors import MemberBlocked, TokenOutdated, TokenRevoked
from auth.issuing import login_of
from auth.tokens import Identity
from schemas.subjects import decode_token, encode_token

TOKEN, MEMBER = "token.", "member."
PRUNE_EVERY = 1000  # entries, to look for those that are not needed any more


class TokenRule(msgspec.Struct, omit_defaults=True):
    """A token or login that is ended; of no more use after `until` (unix seconds, 0: never)."""

    until: int = 0


class MemberRule(msgspec.Struct, omit_defaults=True):
    """Which of a member's tokens are void."""

    before: float = 0.0
    generation: int = 0  # clocks differ between hosts: ours are compared by this
    blocked: bool = False

    def voids(self, identity: Identity) -> bool:
        """Tell whether a token is older than what voids it."""
        if identity.generation is not None and self.generation:
            return identity.generation < self.generation
        return identity.issued_at < self.before


class Revocations:
    """What is revoked, as far as it was read."""

    def __init__(self) -> None:
        self.refused = 0  # entries that can't be read
        self._tokens: dict[str, int] = {}
        self._members: dict[int, MemberRule] = {}
        self._entries = 0

    def __len__(self) -> int:
        return len(self._tokens) + len(self._members)

    def check(self, identity: Identity) -> None:
        """Raise what stands against a token that is good otherwise."""
        self.check_member(identity.mid)
        named = identity.token_id
        if named and (named in self._tokens or login_of(named) in self._tokens):
            raise TokenRevoked
        rule = self._members.get(identity.mid)
        if rule is not None and rule.voids(identity):
            raise TokenOutdated

    def check_member(self, mid: int) -> None:
        """Raise MemberBlocked for a member that may not in, whatever it shows."""
        rule = self._members.get(mid)
        if rule is not None and rule.blocked:
            raise MemberBlocked

    def take(self, key: str, value: bytes, now: float) -> None:
        """Take an entry in."""
        try:
            if key.startswith(TOKEN):
                rule = _token_decoder.decode(value)
                self._tokens[decode_token(key.removeprefix(TOKEN))] = rule.until
            elif key.startswith(MEMBER):
                self._members[int(key.removeprefix(MEMBER))] = _member_decoder.decode(value)
            else:
                self.refused += 1
        except ValueError:  # msgspec's errors are such, and UnicodeDecodeError
            self.refused += 1
        self._entries += 1
        if self._entries % PRUNE_EVERY == 0:
            self._prune(now)

    def drop(self, key: str) -> None:
        """An entry was deleted."""
        if key.startswith(TOKEN):
            self._tokens.pop(decode_token(key.removeprefix(TOKEN)), None)
        elif (mid := key.removeprefix(MEMBER)).isdecimal():
            self._members.pop(int(mid), None)

    def clear(self) -> None:
        """The bucket was made anew."""
        self._tokens.clear()
        self._members.clear()

    def _prune(self, now: float) -> None:
        over = [name for name, until in self._tokens.items() if 0 < until < now]
        for name in over:
            del self._tokens[name]


def token_key(token_id: str) -> str:
    """Return the key under which a token or login is revoked. Raises IdRefused."""
    return TOKEN + encode_token(token_id)


def member_key(mid: int) -> str:
    """Return the key of what is said of a member's tokens."""
    return f"{MEMBER}{mid}"


encode_rule = msgspec.json.Encoder().encode
_token_decoder = msgspec.json.Decoder(TokenRule)
_member_decoder = msgspec.json.Decoder(MemberRule)
