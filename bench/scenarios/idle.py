"""Memory of connections that do nothing, for each part that grows with them."""

from collections.abc import Sequence

from bench.context import Bench
from bench.load_client import LoadClient
from bench.processes import resident_kilobytes
from bench.report import Case
from bench.target import Target

SETTLE_SECONDS = 3.0  # presence is reported and positions are saved in that time
STEPS = (1000, 10_000, 18_000)
Sizes = dict[str, float]  # KB, by process


def run(bench: Bench) -> None:
    """Connect more and more members, and see what each part has grown by, per connection."""
    counts = bench.counts(*STEPS)
    found: dict[str, list[dict[int, Sizes]]] = {}
    servers: dict[str, str] = {}
    for _ in bench.rounds():
        with bench.targets() as targets, bench.clients(*targets) as clients:
            for client in clients:
                servers[client.target.name] = client.target.server
                found.setdefault(client.target.name, []).append(measure(client, counts))
    for count in counts:
        case = Case(f"{count} ws", "server", count, "connections")
        of_servers = {
            name: [sizes[count][servers[name]] for sizes in rounds]
            for name, rounds in found.items()
        }
        bench.add(case, "memory per connection", "KB", of_servers)
        add_other_parts(bench, count, next(iter(found.values())), next(iter(servers.values())))


def add_other_parts(
    bench: Bench, count: int, rounds: Sequence[dict[int, Sizes]], server: str
) -> None:
    """Give the figures of our own other processes."""
    for part in rounds[0][count]:
        if part != server:
            case = Case(f"{count} ws, {part}", part, count, "connections")
            samples = [sizes[count][part] for sizes in rounds]
            bench.add_ours(case, "memory per connection", "KB", samples)


def measure(client: LoadClient, counts: Sequence[int]) -> dict[int, Sizes]:
    """Return what each process has grown by for each connection, at these numbers of them."""
    before = memory(client.target)
    found = {}
    for count in counts:
        client.connect("ws", count)
        client.command("hold", seconds=SETTLE_SECONDS)
        after = memory(client.target)
        found[count] = {part: (after[part] - before[part]) / count for part in after}
    return found


def memory(target: Target) -> Sizes:
    """Return the memory of each process of a target."""
    return {part: resident_kilobytes(pid) for part, pid in target.processes.items()}
