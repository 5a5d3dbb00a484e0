"""DECIDE which clients a run has: every mixture of protocol, transport and manner, from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

from schemas.policies import DIRECT

OPERATION, RARE_OPERATION = 1000, 1001  # every client accepts the first, some the second
ROOM_TYPE, BRIEF_TYPE, FLEETING_TYPE = "chaos", "brief", "fleeting"
BRIEF_MESSAGES = 25  # are retained of a brief room: who is away for long is told of a gap
ROOMS = tuple(f"{ROOM_TYPE}://room {number}" for number in range(1, 7))
BRIEF_ROOMS = tuple(f"{BRIEF_TYPE}://{number}" for number in range(1, 3))
FLEETING_ROOMS = tuple(f"{FLEETING_TYPE}://{number}" for number in range(1, 3))
FORBIDDEN_ROOM = f"{ROOM_TYPE}://nobody's"  # no token opens it, and messages go there
POLICIES = {
    ROOM_TYPE: {
        "retain_messages": 1_000_000,
        "send": "members",
        "send_per_second": 100,
        "send_burst": 200,
    },
    DIRECT: {"send_per_second": 100, "send_burst": 200},
    BRIEF_TYPE: {"retain_messages": BRIEF_MESSAGES, "send": "nobody"},
    FLEETING_TYPE: {"keep": False, "send": "nobody"},
}
DEVICES_OF_A_MEMBER = 2
MOST_ROOMS = 2  # that are kept
EXTRA_ROOM_CHANCE = NAMELESS_CHANCE = 0.3

PROTOCOLS = ("resuming", "acknowledging", "plain")
TRANSPORTS = ("ws", "tcp")
MANNERS = ("steady", "flapping", "half-open", "slow")


@dataclass(frozen=True, slots=True)
class Persona:
    """Who one client is and how it behaves.

    resuming        an `ext` client that tells where it is when it connects
    acknowledging   an `ext` client that only acknowledges (op 18)
    plain           goim's own protocol
    library         goimbus/client.py

    steady          stays, and comes back when it is cut off
    flapping        comes and goes: by FIN, by reset, by half closing
    half-open       stops reading and never closes, then comes again
    slow            reads with long breaks
    """

    name: str
    mid: int
    key: str  # "": the server makes one, and the platform names the device
    platform: str
    protocol: str
    transport: str
    manner: str
    rooms: tuple[str, ...]  # what its token opens
    accepts: tuple[int, ...]

    @property
    def device(self) -> str:
        """The name under which its positions are kept."""
        return self.key or self.platform

    @property
    def ext(self) -> bool:
        """True when it asks for the extensions."""
        return self.protocol != "plain"


def make_population(seed: int, count: int) -> list[Persona]:
    """Return so many clients; each mixture comes up as often as the others."""
    random = Random(f"population {seed}")
    return [
        _persona(random, number, *mixture)
        for number, mixture in zip(range(1, count + 1), _mixtures(random), strict=False)
    ]


def _mixtures(random: Random) -> Iterator[tuple[str, str, str]]:
    library = [("library", transport, "steady") for transport in TRANSPORTS]
    every = [*product(PROTOCOLS, TRANSPORTS, MANNERS), *library]
    while True:
        random.shuffle(every)
        yield from every


def _persona(random: Random, number: int, protocol: str, transport: str, manner: str) -> Persona:
    rooms = [*random.sample(ROOMS, random.randint(1, MOST_ROOMS))]
    for more in (BRIEF_ROOMS, FLEETING_ROOMS):
        if random.random() < EXTRA_ROOM_CHANCE:
            rooms.append(random.choice(more))
    nameless = protocol == "plain" and random.random() < NAMELESS_CHANCE
    return Persona(
        name=f"{number}-{protocol}-{transport}-{manner}",
        mid=1 + (number - 1) // DEVICES_OF_A_MEMBER,
        key="" if nameless else f"key {number}",
        platform=f"platform-{number}",
        protocol=protocol,
        transport=transport,
        manner=manner,
        rooms=tuple(rooms),
        accepts=(OPERATION, RARE_OPERATION) if random.random() < 0.5 else (OPERATION,),
    )
