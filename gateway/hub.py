"""DECIDE who is connected here: by number, key, member, address and room. Counts, no I/O."""

from collections import Counter
from typing import Generic, Protocol, TypeVar

from gateway.settings import Limits


class Seat(Protocol):
    """What the hub knows of a connection."""

    number: int
    address: str


Connection = TypeVar("Connection", bound=Seat)


class Hub(Generic[Connection]):
    """The connections of one gateway worker."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.connections: dict[int, Connection] = {}
        self.by_key: dict[str, Connection] = {}
        self.by_member: dict[int, tuple[Connection, ...]] = {}  # most have one: a set has 216 bytes
        self.sockets = 0
        self.addresses: Counter[str] = Counter()
        self.rooms: Counter[str] = Counter()
        self.changed_rooms: set[str] = set()

    def has_place(self, address: str) -> str:
        """Return "" or the name of the limit that keeps a new connection out."""
        if self.sockets >= self._limits.connections:
            return "connections"
        if self.addresses[address] >= self._limits.connections_per_address:
            return "connections_per_address"
        return ""

    def member_has_place(self, mid: int) -> bool:
        """Tell whether the member may have one more connection here."""
        held = self.by_member.get(mid)
        return held is None or len(held) < self._limits.connections_per_member

    def accept(self, address: str) -> None:
        """Count a socket, authenticated or not."""
        self.sockets += 1
        self.addresses[address] += 1

    def release(self, address: str) -> None:
        """A socket is closed."""
        self.sockets -= 1
        if self.addresses[address] > 1:
            self.addresses[address] -= 1
        else:
            del self.addresses[address]

    def add(self, connection: Connection, key: str, mid: int) -> None:
        """Seat an authenticated connection; an older one with its key must have been removed."""
        self.connections[connection.number] = connection
        self.by_key[key] = connection
        if mid > 0:
            self.by_member[mid] = (*self.by_member.get(mid, ()), connection)

    def remove(self, connection: Connection, key: str, mid: int) -> None:
        """Take a connection out; its key stays with a newer connection that has it now."""
        self.connections.pop(connection.number, None)
        if self.by_key.get(key) is connection:
            del self.by_key[key]
        held = self.by_member.get(mid)
        if held is not None:
            left = tuple(one for one in held if one is not connection)
            if left:
                self.by_member[mid] = left
            else:
                del self.by_member[mid]

    def move(self, left: str, entered: str) -> None:
        """Count a connection out of one room and into another; `""` is no room."""
        if left:
            self.rooms[left] -= 1
            if not self.rooms[left]:
                del self.rooms[left]
            self.changed_rooms.add(left)
        if entered:
            self.rooms[entered] += 1
            self.changed_rooms.add(entered)
