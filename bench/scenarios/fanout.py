"""One room, many receivers: frames per second in a closed loop."""

from collections.abc import Sequence

from bench.context import Bench
from bench.load_client import LoadClient
from bench.report import Case

COUNTS = (1000, 10_000)
SETTLE_SECONDS = 15.0  # what thousands of logins leave to be done is no part of a frame
WINDOWS = (1, 4, 80)  # messages that not all receivers have
TOPIC = "room.bench.0"


def run(bench: Bench) -> None:
    """Publish into a room of 1,000 and of 10,000, on WebSocket and TCP, cast and stored."""
    for transport in ("ws", "tcp"):
        with bench.targets(transport, nats=True) as targets:
            for count in bench.counts(*COUNTS):
                with bench.clients(*targets) as clients:
                    for client in clients:
                        client.connect(transport, count)
                    if count > COUNTS[0]:
                        clients[0].command("hold", seconds=SETTLE_SECONDS)
                    for window in WINDOWS:
                        for stored in (False, True):
                            measure(bench, clients, f"{count} {transport}", window, stored)


def measure(
    bench: Bench, clients: Sequence[LoadClient], words: str, window: int, stored: bool
) -> None:
    """Measure all targets in turns, then give the figures."""
    found = bench.in_turns(
        clients,
        lambda client: client.publish_in_loop(
            TOPIC,
            stored=stored,
            window=window,
            receivers=client.count,
            seconds=bench.options.seconds,
        ),
    )
    way = "stored" if stored else "cast"
    in_flight = f"{words}, {window} in flight, {way}"
    case = Case(in_flight, f"{words} {way}", window, "messages in flight")
    bench.add_rates(case, "frames", found)
    together = {
        name: [one.answer["frames"] / max(1, one.answer["reads"]) for one in samples]
        for name, samples in found.items()
    }
    bench.add(case, "frames in one write", "", together)
    lost = {name: [one.lost_percent for one in samples] for name, samples in found.items()}
    if any(any(samples) for samples in lost.values()):
        bench.add(case, "frames lost", "%", lost)
