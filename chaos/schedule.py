"""DECIDE which faults a run has, and when: the same seed gives the same schedule.

kill        a process gets SIGKILL
terminate   a process gets SIGTERM, and may drain
pause       a process gets SIGSTOP, and SIGCONT some seconds later: it is there, and silent
roll        each process gets SIGTERM, one after the other, each when the last is back;
            a run of two minutes or more has one
wipe        Valkey loses everything (FLUSHALL)
cut         a share of the clients' connections is reset
switch      a share of the clients changes rooms at once
kick        members are removed by an operator (4011)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

FIRST_SECONDS = 2.0  # of a run without a fault
LAST_SECONDS = 1.0
MOST_UNEVEN = 0.8  # an interval is up to so much longer or shorter than the mean
PAUSE_SECONDS = (0.3, 7.0)  # the longest outlasts the pings of every connection to NATS
LEAST_ROLL_SECONDS = 120.0  # a run of so much has a rolling restart, in its first half
SHARES = (0.05, 0.4)

GATEWAYS = ("gateway-1", "gateway-2")
SERVICES = ("auth-1", "auth-2", "router-1", "router-2", "store-1", "store-2")
PARTS = (*GATEWAYS, "gateway", *SERVICES, "nats", "valkey")
ROLLED = (*SERVICES, "gateway", "valkey", "nats")

KINDS = {
    "kill": 32,
    "terminate": 16,
    "pause": 20,
    "wipe": 5,
    "cut": 10,
    "switch": 8,
    "kick": 8,
}
WEIGHTS = {"gateway-1": 4, "gateway-2": 4, "gateway": 1, "nats": 4, "valkey": 2}  # else 2


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens `at` so many seconds after the beginning."""

    at: float
    kind: str
    target: str = ""  # a process
    seconds: float = 0.0  # of a pause
    share: float = 0.0  # of the clients, or members
    seed: int = 0  # for who they are

    @property
    def name(self) -> str:
        """What it is counted as."""
        return f"{self.kind} {self.target.partition('-')[0]}".strip()

    @property
    def sentence(self) -> str:
        """Say it in words."""
        words = [self.kind, self.target]
        if self.seconds:
            words.append(f"for {self.seconds:.1f} s")
        if self.share:
            words.append(f"{self.share:.0%}")
        return " ".join(word for word in words if word)


def make_schedule(seed: int, seconds: float, per_minute: float) -> list[Fault]:
    """Return the faults of a run, in order of time."""
    random = Random(f"schedule {seed}")
    faults: list[Fault] = []
    if per_minute <= 0:
        return faults
    mean = 60.0 / per_minute
    at = FIRST_SECONDS + random.uniform(0, mean)
    while at < seconds - LAST_SECONDS:
        faults.append(_fault(random, at))
        at += mean * random.uniform(1 - MOST_UNEVEN, 1 + MOST_UNEVEN)
    if seconds >= LEAST_ROLL_SECONDS:
        faults.append(Fault(round(random.uniform(FIRST_SECONDS, seconds / 2), 3), "roll"))
    return sorted(faults, key=lambda fault: fault.at)


def _fault(random: Random, at: float) -> Fault:
    kind = _choose(random, list(KINDS), list(KINDS.values()))
    at = round(at, 3)
    if kind in ("kill", "terminate", "pause"):
        weights = [WEIGHTS.get(part, 2) for part in PARTS]
        target = _choose(random, PARTS, weights)
        pause = round(random.uniform(*PAUSE_SECONDS), 2) if kind == "pause" else 0.0
        return Fault(at, kind, target, seconds=pause)
    if kind == "wipe":
        return Fault(at, kind, "valkey")
    return Fault(at, kind, share=round(random.uniform(*SHARES), 2), seed=random.getrandbits(32))


def _choose(random: Random, items: Sequence[str], weights: Sequence[int]) -> str:
    return random.choices(items, weights)[0]
