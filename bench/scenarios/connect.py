"""Logins per second, 256 at once: with all that the product does, and with the token alone."""

from bench.context import Bench
from bench.load_client import LoadClient
from bench.report import Case

IN_FLIGHT = 256
CONNECTIONS = 10_000
# Series, transport, whether clients are members, and in how many rooms.
KINDS = (
    ("member in a room", "ws", 1, 100),
    ("member in a room", "tcp", 1, 100),
    ("token alone", "ws", 0, 0),
)


def run(bench: Bench) -> None:
    """Log in 10,000 clients again and again, against the system and the baseline in turns."""
    count = bench.counts(CONNECTIONS)[-1]
    with (
        bench.system() as system,
        bench.baseline() as baseline,
        bench.clients(system, baseline) as clients,
    ):
        for series, transport, first_mid, rooms in KINDS:
            rates: list[list[float]] = [[], []]
            costs: list[list[float]] = [[], []]
            logins: list[list[float]] = [[], []]
            for _ in bench.rounds():
                for number, client in enumerate(clients):
                    rate, cost, login = measure(client, transport, count, first_mid, rooms)
                    rates[number].append(rate)
                    costs[number].append(cost)
                    logins[number].append(login)
            case = Case(
                f"{count} {transport}, {series}", f"{transport} {series}", count, "connections"
            )
            bench.add(case, "logins", "1/s", *rates)
            bench.add(case, "gateway CPU per login", "us", *costs)
            bench.add(case, "login p99", "ms", *logins)


def measure(
    client: LoadClient, transport: str, count: int, first_mid: int, rooms: int
) -> tuple[float, float, float]:
    """Log in once; return logins per second, the server's CPU for each (us), and p99 (ms)."""
    server = client.target.server
    before = client.target.cpu_seconds()[server]
    answer = client.connect(transport, count, first_mid=first_mid, rooms=rooms, in_flight=IN_FLIGHT)
    cpu = client.target.cpu_seconds()[server] - before
    client.disconnect()
    client.command("hold", seconds=1)  # until they are gone there
    return count / answer["seconds"], cpu / count * 1e6, answer["login_ms_p99"]
