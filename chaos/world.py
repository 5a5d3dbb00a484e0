"""What all clients of a run share: the book, where the system is, and how deliveries go on."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

import jwt

from chaos.ledger import Ledger
from chaos.population import Persona

TOKEN_SECONDS = 86_400
AUDIENCE = "goimbus"


@dataclass
class Pulse:
    """How deliveries went on, all clients together."""

    frames: int = 0
    last_at: float = 0.0
    over: bool = False  # nobody publishes any more
    longest_pause: float = 0.0  # seconds in which no steady client was delivered anything
    longest_pause_at: float = 0.0  # when it began
    slowest: float = 0.0  # from an acknowledgement to a steady client that was there

    def beat(self, now: float, manner: str) -> None:
        """A frame was delivered to a client of this manner."""
        self.frames += 1
        if manner != "steady":
            return  # it may be an old one that only now was read
        if self.last_at and not self.over and now - self.last_at > self.longest_pause:
            self.longest_pause, self.longest_pause_at = now - self.last_at, self.last_at
        self.last_at = now


@dataclass
class World:
    """One run, as its clients and publishers see it."""

    ledger: Ledger
    ports: dict[str, int]  # by transport
    secret: str
    seed: int
    plant: tuple[str, ...] = ()  # faults of the harness itself, for its own tests (planted.py)
    mids: list[int] = field(default_factory=list)  # who may be sent a message
    settling: bool = False  # no more mischief: everybody gets what is due
    over: bool = False
    pulse: Pulse = field(default_factory=Pulse)
    refusals: dict[str, int] = field(default_factory=dict)  # logins that failed, by reason
    sent: Counter[str] = field(default_factory=Counter)  # by clients, and acknowledged

    def random(self, name: str) -> Random:
        """Return a source of chance of somebody's own, from the run's seed."""
        return Random(f"{self.seed} {name}")

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def token(self, persona: Persona) -> str:
        """Return a signed token that opens the client's rooms."""
        return member_token(self.secret, persona.mid, persona.rooms)

    def note_refusal(self, reason: str) -> None:
        """A login failed."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1


def member_token(secret: str, mid: int, rooms: Iterable[str]) -> str:
    """Return a signed token of a member that opens these rooms."""
    now = int(time.time())
    claims = {
        "sub": str(mid),
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "aud": AUDIENCE,
        "rooms": [
            {"pattern": room, "receive": True, "send": True, "history": True} for room in rooms
        ],
    }
    return jwt.encode(claims, secret, "HS256", {"kid": "1"})
