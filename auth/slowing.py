"""DECIDE how often a name or an address may try, and how long it then waits. Time is an argument.

Token buckets live in this process; the failures of a name are also counted in the bucket of
logins, for all processes and over restarts, for names that nobody has as well.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from math import ceil

import msgspec

MOST_BUCKETS = 100_000  # of one kind in one process; the longest untouched go first
MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one in `seconds`. A burst of 0: no limit."""

    burst: int
    seconds: float


class Failures(msgspec.Struct, omit_defaults=True):
    """How often in a row a name's password was wrong, and when last (unix seconds)."""

    count: int = 0
    last_at: float = 0.0


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the /64 that one subscriber has."""
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found) >> 64 << 64, 64)))


class Tries:
    """The token buckets of one kind, such as tries by address."""

    def __init__(self, rate: Rate, most: int = MOST_BUCKETS) -> None:
        self.counts: Counter[str] = Counter()
        self._rate = rate
        self._most = most
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, who: str, now: float) -> float:
        """Take one try and return 0, or return the seconds to wait. `""` is never limited."""
        rate = self._rate
        if not who or not rate.burst:
            return 0.0
        full_at = max(self._full_at.pop(who, now), now)
        wait = full_at - now - (rate.burst - 1) * rate.seconds
        self._keep(who, full_at if wait > 0 else full_at + rate.seconds)
        self.counts["refused" if wait > 0 else "taken"] += 1
        return max(wait, 0.0)

    def give_back(self, who: str) -> None:
        """Undo a take: the try has turned out to be good."""
        if who in self._full_at:
            self._full_at[who] -= self._rate.seconds

    def __len__(self) -> int:
        return len(self._full_at)

    def _keep(self, who: str, full_at: float) -> None:
        self._full_at[who] = full_at
        while len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
            self.counts["forgotten"] += 1


class AddressTries(Tries):
    """The token buckets of addresses."""

    def take(self, who: str, now: float) -> float:
        """Take one try of the address's network."""
        return super().take(network_of(who), now)

    def give_back(self, who: str) -> None:
        """Undo a take."""
        super().give_back(network_of(who))


def seconds_to_wait(failures: Failures, free: int, most_seconds: float, now: float) -> float:
    """Return how long a name must wait: from `free` failures on, 1, 2, 4 ... `most_seconds`."""
    doublings = failures.count - free
    if doublings < 0:
        return 0.0
    pause: float = min(2 ** min(doublings, MOST_DOUBLINGS), most_seconds)
    return max(failures.last_at + pause - now, 0.0)


def whole_seconds(wait: float) -> int:
    """Return a wait as clients are told it: rounded up, at least 1."""
    return max(ceil(wait), 1)


def encode_failures(failures: Failures) -> bytes:
    """Write the count."""
    return _encoder.encode(failures)


def decode_failures(value: bytes | None) -> Failures:
    """Read the count; none and what is unreadable is no failure."""
    try:
        return _decoder.decode(value) if value else Failures()
    except msgspec.DecodeError:
        return Failures()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Failures)
