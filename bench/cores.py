"""DECIDE which part runs on which core."""

from dataclasses import dataclass

from bench.errors import NotMeasurable


@dataclass(frozen=True, slots=True)
class Cores:
    """The gateway has one core for itself, the load client another; the rest shares what is left.

    With two cores the rest (nats-server, router, store, auth, Valkey) runs beside the load client.
    """

    server: frozenset[int]
    client: frozenset[int]
    others: frozenset[int]


def share_cores(available: set[int]) -> Cores:
    """Return who gets which. Raises NotMeasurable where there is one core only."""
    first, *more = sorted(available)
    if not more:
        raise NotMeasurable("this machine has one core", "the gateway needs one of its own")
    client, *others = more
    return Cores(frozenset({first}), frozenset({client}), frozenset(others or {client}))
