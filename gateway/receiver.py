"""DECIDE what a topic needs to know of its connections, and of what writes to them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from gateway.topic import Topic


class Receiver(Protocol):
    """What a topic needs to know of a connection."""

    kind: int
    blocked: bool
    number: int

    @property
    def accepts(self) -> frozenset[int]:
        """The operations of member, key and all pushes that it takes."""

    def send(self, data: bytes, messages: int) -> None:
        """Write now."""


class Behind(NamedTuple):
    """A connection that is not live any more: it has all up to `position`."""

    receiver: Receiver
    position: int
    casts: int  # cast messages before those it did not get


class Prepared(Protocol):
    """What the writer keeps about the live connections of a topic."""

    def end(self) -> None:
        """They have changed."""


# what a kind of connection is sent, how many messages that is; returns the blocked of `live`
WriteToAll = Callable[["Topic", Callable[[int], bytes], int], list[Any]]
