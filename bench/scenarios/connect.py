"""Logins per second, 256 at once: with all that the product does, and with the token alone."""

from functools import partial
from typing import NamedTuple

from bench.context import Bench
from bench.load_client import LoadClient
from bench.report import Case

IN_FLIGHT = 256
CONNECTIONS = 10_000
# Series, transport, first member (0: nobody is one), and in how many rooms.
KINDS = (
    ("member in a room", "ws", 1, 100),
    ("member in a room", "tcp", 1, 100),
    ("token alone", "ws", 0, 0),
)


class Logins(NamedTuple):
    """What one round of logins came to."""

    rate: float  # per second
    cpu_microseconds: float  # of the server, for each
    p99_milliseconds: float


def run(bench: Bench) -> None:
    """Log in 10,000 clients again and again."""
    count = bench.counts(CONNECTIONS)[-1]
    for series, transport, first_mid, rooms in KINDS:
        with bench.targets(transport) as targets, bench.clients(*targets) as clients:
            action = partial(
                log_in, transport=transport, count=count, first_mid=first_mid, rooms=rooms
            )
            found = bench.in_turns(clients, action)
        words = f"{count} {transport}, {series}"
        case = Case(words, f"{transport} {series}", count, "connections")
        for number, (figure, unit) in enumerate(
            (("logins", "1/s"), ("server CPU per login", "us"), ("login p99", "ms"))
        ):
            samples = {name: [one[number] for one in of] for name, of in found.items()}
            bench.add(case, figure, unit, samples)


def log_in(client: LoadClient, transport: str, count: int, first_mid: int, rooms: int) -> Logins:
    """Log all in once, and let them go."""
    server = client.target.server
    before = client.target.cpu_seconds()[server]
    answer = client.connect(transport, count, first_mid=first_mid, rooms=rooms, in_flight=IN_FLIGHT)
    cpu = client.target.cpu_seconds()[server] - before
    client.disconnect()
    client.command("hold", seconds=1)  # until they are gone there
    return Logins(count / answer["seconds"], cpu / count * 1e6, answer["login_ms_p99"])
