"""One room, many receivers: frames per second in a closed loop."""

from bench.context import Bench
from bench.load_client import LoadClient, Measured
from bench.report import Case

COUNTS = (1000, 10_000)
WINDOWS = (1, 4, 80)  # messages that not all receivers have
TOPIC = "room.bench.0"


def run(bench: Bench) -> None:
    """Publish into a room of 1,000 and of 10,000, on WebSocket and TCP, cast and stored."""
    with bench.system() as system, bench.baseline() as baseline:
        for transport in ("ws", "tcp"):
            for count in bench.counts(*COUNTS):
                with bench.clients(system, baseline) as clients:
                    for client in clients:
                        client.connect(transport, count)
                    for window in WINDOWS:
                        for stored in (False, True):
                            measure_in_turns(bench, clients, transport, count, window, stored)


def measure_in_turns(
    bench: Bench,
    clients: list[LoadClient],
    transport: str,
    count: int,
    window: int,
    stored: bool,
) -> None:
    """Let each target have its turn in each round, then give the figures."""
    found: list[list[Measured]] = [[] for _ in clients]
    for _ in bench.rounds():
        for client, samples in zip(clients, found, strict=True):
            samples.append(
                client.publish_in_loop(
                    TOPIC,
                    stored=stored,
                    window=window,
                    receivers=count,
                    seconds=bench.options.seconds,
                )
            )
    way = "stored" if stored else "cast"
    case = Case(
        f"{count} {transport}, {window} in flight, {way}",
        f"{count} {transport} {way}",
        window,
        "messages in flight",
    )
    bench.add_rates(case, "frames", found)
