"""From publishing to the last receiver, by the clock instead of as fast as it goes."""

from bench.context import Bench
from bench.load_client import LoadClient, Measured
from bench.report import Case

TOPIC = "room.bench.0"
# Receivers, messages per second, and how often the usual time is measured.
CASES = ((1000, 10, 3), (1, 1000, 1))
FIGURES = ("last_ms_p50", "last_ms_p99")


def run(bench: Bench) -> None:
    """Publish 10/s to 1,000 receivers and 1,000/s to one, stored."""
    with bench.system() as system, bench.baseline() as baseline:
        for count, rate, times in CASES:
            with bench.clients(system, baseline) as clients:
                for client in clients:
                    client.connect("ws", count)
                measure_in_turns(bench, clients, count, rate, times * bench.options.seconds)


def measure_in_turns(
    bench: Bench, clients: list[LoadClient], count: int, rate: int, seconds: float
) -> None:
    """Let each target have its turn in each round, then give the figures."""
    for stored in (True, False):
        found: list[list[Measured]] = [[] for _ in clients]
        for _ in bench.rounds():
            for client, samples in zip(clients, found, strict=True):
                samples.append(
                    client.measure(
                        "pace",
                        port=client.target.publish_port,
                        subject=client.target.subject(TOPIC, stored),
                        receivers=count,
                        rate=rate,
                        seconds=seconds,
                    )
                )
        way = "stored" if stored else "cast"
        case = Case(f"{count} ws, {rate} a second, {way}", way, count, "receivers")
        for figure in FIGURES:
            bench.add(
                case,
                f"to the last receiver, {figure[-3:]}",
                "ms",
                *[[float(one.answer[figure]) for one in samples] for samples in found],
            )
