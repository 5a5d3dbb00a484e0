"""From publishing to the last receiver, by the clock instead of as fast as it goes."""

from collections.abc import Sequence

from bench.context import Bench
from bench.load_client import LoadClient
from bench.report import Case

TOPIC = "room.bench.0"
# Receivers, messages per second, and for how many times the usual seconds.
CASES = ((1000, 10, 3), (1, 1000, 1))


def run(bench: Bench) -> None:
    """Publish 10/s to 1,000 receivers and 1,000/s to one."""
    with bench.targets() as targets:
        for count, rate, times in CASES:
            with bench.clients(*targets) as clients:
                for client in clients:
                    client.connect("ws", count)
                for stored in (True, False):
                    measure(bench, clients, rate, stored, times * bench.options.seconds)


def measure(
    bench: Bench, clients: Sequence[LoadClient], rate: int, stored: bool, seconds: float
) -> None:
    """Measure all targets in turns, then give the figures."""
    count = clients[0].count
    found = bench.in_turns(
        clients,
        lambda client: client.measure(
            "pace",
            port=client.target.publish_port,
            subject=client.target.subject(TOPIC, stored),
            receivers=count,
            rate=rate,
            seconds=seconds,
        ),
    )
    way = "stored" if stored else "cast"
    case = Case(f"{count} ws, {rate} a second, {way}", way, count, "receivers")
    for name in ("p50", "p99"):
        bench.add_answers(case, f"to the last receiver, {name}", "ms", f"last_ms_{name}", found)
