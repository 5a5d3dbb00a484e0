"""DECIDE how the router's counts are shown to Prometheus (bus/metrics.py)."""

from collections.abc import Mapping

from bus.metrics import Reading

PREFIX = "goim_router_"


def total(name: str, words: str, number: float) -> Reading:
    """Return a counter without labels."""
    return PREFIX + name, words, "counter", (), [((), number)]


def totals(name: str, words: str, label: str, numbers: Mapping[str, float]) -> Reading:
    """Return a counter with one label; `numbers` has a number for each of its values."""
    return PREFIX + name, words, "counter", (label,), [((one,), n) for one, n in numbers.items()]


def level(name: str, words: str, number: float) -> Reading:
    """Return a gauge without labels."""
    return PREFIX + name, words, "gauge", (), [((), number)]
