"""One message to one member at a time, over all members in turn."""

from collections.abc import Sequence

from bench.context import Bench
from bench.load_client import LoadClient
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
        bench.goim() as goim,
        bench.clients(system, baseline, *goim) as clients,
    ):
        for client in clients:
            client.connect("ws", count, first_mid=FIRST_MID, rooms=100)
        for window in WINDOWS:
            for stored in (False, True):
                measure(bench, clients, window, stored)


def measure(bench: Bench, clients: Sequence[LoadClient], window: int, stored: bool) -> None:
    """Measure all targets in turns, then give the figures."""
    found = bench.in_turns(
        clients,
        lambda client: client.publish_in_loop(
            TOPIC,
            stored=stored,
            window=window,
            receivers=1,
            seconds=bench.options.seconds,
            first=FIRST_MID,
            numbers=client.count,
        ),
    )
    way = "stored" if stored else "cast"
    words = f"{clients[0].count} members, {window} in flight, {way}"
    bench.add_rates(Case(words, way, window, "messages in flight"), "frames", found)
