"""One message to one member at a time, over all members in turn."""

from bench.context import Bench
from bench.load_client import Measured
from bench.report import Case

MEMBERS = 10_000
FIRST_MID = 1
TOPIC = "member.%d"
WINDOWS = (1, 16, 256)


def run(bench: Bench) -> None:
    """Publish to 10,000 members one after another, with more and more messages in flight."""
    count = bench.counts(MEMBERS)[-1]
    with (
        bench.system() as system,
        bench.baseline() as baseline,
        bench.clients(system, baseline) as clients,
    ):
        for client in clients:
            client.connect("ws", count, first_mid=FIRST_MID, rooms=100)
        for window in WINDOWS:
            for stored in (False, True):
                found: list[list[Measured]] = [[] for _ in clients]
                for _ in bench.rounds():
                    for client, samples in zip(clients, found, strict=True):
                        samples.append(
                            client.publish_in_loop(
                                TOPIC,
                                stored=stored,
                                window=window,
                                receivers=1,
                                seconds=bench.options.seconds,
                                first=FIRST_MID,
                                numbers=count,
                            )
                        )
                way = "stored" if stored else "cast"
                words = f"{count} members, {window} in flight, {way}"
                case = Case(words, way, window, "messages in flight")
                bench.add_rates(case, "frames", found)
