"""Memory of connections that do nothing, for each part that grows with them."""

from bench.context import Bench
from bench.load_client import LoadClient
from bench.processes import resident_kilobytes
from bench.report import Case
from bench.target import Target

SETTLE_SECONDS = 3.0  # presence is reported and positions are saved in that time
STEPS = (1000, 10_000, 18_000)


def run(bench: Bench) -> None:
    """Connect more and more members, and see what each part has grown by, per connection."""
    counts = bench.counts(*STEPS)
    grown: dict[tuple[int, str], list[float]] = {}
    floor: dict[int, list[float]] = {}
    for _ in bench.rounds():
        with bench.system() as system, bench.client(system) as client:
            for count, sizes in measure(client, system, counts):
                for part, size in sizes.items():
                    grown.setdefault((count, part), []).append(size)
        with bench.baseline() as baseline, bench.client(baseline) as client:
            for count, sizes in measure(client, baseline, counts):
                floor.setdefault(count, []).append(sizes[baseline.server])
    for (count, part), samples in grown.items():
        case = Case(f"{count} ws, {part}", part, count, "connections")
        baselines = floor[count] if part == "gateway" else None
        bench.add(case, "memory per connection", "KB", samples, baselines)


def measure(
    client: LoadClient, target: Target, counts: list[int]
) -> list[tuple[int, dict[str, float]]]:
    """Return for each number of connections what each process has grown by, for each of them."""
    before = memory(target)
    found = []
    for count in counts:
        client.connect("ws", count)
        client.command("hold", seconds=SETTLE_SECONDS)
        after = memory(target)
        found.append((count, {part: (after[part] - before[part]) / count for part in after}))
    return found


def memory(target: Target) -> dict[str, float]:
    """Return the memory of each process of a target, in KB."""
    return {part: resident_kilobytes(pid) for part, pid in target.processes.items()}
