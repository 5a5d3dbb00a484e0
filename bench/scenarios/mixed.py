"""Everything at once for a minute: pushes to rooms and members, heartbeats, joins and leaves."""

from bench.context import Bench
from bench.load_client import Measured
from bench.report import Case

CLIENTS = 10_000
ROOMS = 100
TIMES = 20  # the usual time of a measurement, a minute by default
# Per second, over all clients.
RATES = {
    "room_rate": 50,
    "member_rate": 500,
    "heartbeat_rate": 400,
    "change_rate": 100,
    "reconnect_rate": 100,
}
FIGURES = (
    ("frame_ms_p50", "a push on its way, p50"),
    ("frame_ms_p99", "a push on its way, p99"),
    ("login_ms_p99", "login p99"),
)


def run(bench: Bench) -> None:
    """Do it with stored pushes, and say how busy each part was."""
    count = bench.counts(CLIENTS)[-1]
    found: list[Measured] = []
    for _ in bench.rounds():
        with bench.system() as system, bench.client(system) as client:
            client.connect("ws", count, rooms=ROOMS)
            found.append(
                client.measure(
                    "mix",
                    port=system.publish_port,
                    room_subject=system.subject("room.bench.%d", stored=True),
                    member_subject=system.subject("member.%d", stored=True),
                    seconds=bench.options.seconds * TIMES,
                    **RATES,
                )
            )
    case = Case(f"{count} ws in {ROOMS} rooms", "ws", count, "connections")
    for figure, name in FIGURES:
        bench.add_ours(case, name, "ms", [float(one.answer[figure]) for one in found])
    bench.add_ours(case, "frames", "1/s", [one.rate("frames") for one in found])
    for part in found[0].parts_cpu_seconds:
        busy = [100 * one.parts_cpu_seconds[part] / one.seconds for one in found]
        bench.add_ours(case, f"CPU of {part}", "%", busy)
