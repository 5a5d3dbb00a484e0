"""Clients send into their rooms: each message is admitted, stored, answered, and delivered."""

from bench.context import Bench
from bench.load_client import Measured
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
            found: list[list[Measured]] = [[] for _ in clients]
            for _ in bench.rounds():
                for client, samples in zip(clients, found, strict=True):
                    samples.append(
                        client.measure("send", window=window, seconds=bench.options.seconds, warm=1)
                    )
            words = f"{count} ws in {ROOMS} rooms, {window} in flight"
            case = Case(words, "ws", window, "messages in flight")
            bench.add_rates(case, "answers", found)
            for figure in ("answer_ms_p50", "answer_ms_p99"):
                answers = [[float(one.answer[figure]) for one in samples] for samples in found]
                bench.add(case, f"answer {figure[-3:]}", "ms", *answers)
