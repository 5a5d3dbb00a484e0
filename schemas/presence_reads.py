"""What of presence may be read by a plain GET, by guests too: each described once."""

from dataclasses import dataclass

from schemas.call import API


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query; `kind` as JSON Schema names it."""

    name: str
    kind: str
    words: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Read:
    """One route."""

    name: str
    words: str
    parameters: tuple[Parameter, ...] = ()

    @property
    def path(self) -> str:
        """Return where it is read."""
        return f"{API}/presence/{self.name}"


ROOM = Read(
    "room",
    "Tell who is in a room right now.",
    (
        Parameter("room", "string", "A room, such as live://1000"),
        Parameter("limit", "integer", "How many connections to tell, 1 to 500", required=False),
    ),
)
MEMBERS = Read(
    "members",
    "Tell which members are online, with which devices, or when they were seen last.",
    (Parameter("mids", "string", "Members, with commas between, or repeated"),),
)
TOTAL = Read("total", "Count all connections and the addresses that they come from.")
READS = (ROOM, MEMBERS, TOTAL)
