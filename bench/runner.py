"""Which scenarios there are, and running them one after another."""

import importlib
import pkgutil
from collections.abc import Sequence

from bench import scenarios
from bench.context import Bench
from bench.errors import BenchError

ORDER = (
    "fanout",
    "unicast",
    "latency",
    "idle",
    "connect",
    "storm",
    "upstream",
    "publish",
    "mixed",
    "growth",
)


def names() -> list[str]:
    """Return the names of all scenarios, in the order in which they are run."""
    found = {module.name for module in pkgutil.iter_modules(scenarios.__path__)}
    return [name for name in ORDER if name in found] + sorted(found.difference(ORDER))


def run_scenarios(bench: Bench, wanted: Sequence[str]) -> list[str]:
    """Run those named, or all; return the names of those that failed.

    What a failed one had measured before stays in `bench.results`.
    """
    failed = []
    for name in wanted or names():
        bench.scenario = name
        bench.say(f"== {name}")
        try:
            importlib.import_module(f"{scenarios.__name__}.{name}").run(bench)
        except (BenchError, OSError) as error:  # OSError: a connection of ours has failed
            bench.say(f"{name} failed: {error}")
            failed.append(name)
    return failed
