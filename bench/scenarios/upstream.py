"""Clients send into their rooms: each message is admitted, stored, answered, and delivered."""

from functools import partial

from bench.context import Bench
from bench.load_client import LoadClient, Measured
from bench.report import Case

CLIENTS = 1000
ROOMS = 100  # so that each message has 9 receivers
WINDOWS = (1, 16, 256)


def run(bench: Bench) -> None:
    """Let clients send, with more and more messages that are not answered yet."""
    count = bench.counts(CLIENTS)[-1]
    with (
        bench.system() as system,
        bench.baseline() as baseline,
        bench.clients(system, baseline) as clients,
    ):
        for client in clients:
            client.connect("ws", count, rooms=ROOMS)
        for window in WINDOWS:
            action = partial(send, window=window, seconds=bench.options.seconds)
            found = bench.in_turns(clients, action)
            words = f"{count} ws in {ROOMS} rooms, {window} in flight"
            case = Case(words, "ws", window, "messages in flight")
            bench.add_rates(case, "answers", found)
            for name in ("p50", "p99"):
                bench.add_answers(case, f"answer {name}", "ms", f"answer_ms_{name}", found)


def send(client: LoadClient, window: int, seconds: float) -> Measured:
    """Let clients send in turn, with at most `window` messages not answered."""
    return client.measure("send", window=window, seconds=seconds, warm=min(1.0, seconds / 2))
