"""Stored pushes per second, by each way in, with and without waiting for the disk.

The baseline is the same way with one message at a time: what a publisher gets that waits for
each confirmation. What NATS itself can do is told by "NATS batches": the load client sends atomic
batches as the router does, and nothing is between them and the disk.
"""

from collections.abc import Callable
from typing import NamedTuple

from bench.context import Bench
from bench.errors import FiguresUnsound
from bench.http_load import push_by_http
from bench.load_client import LoadClient
from bench.report import Case
from bench.target import OPERATION, SUBJECTS
from schemas.messages_pb2 import PushRequest

BODY = b'{"test":1}'
ROOM = "room.bench.%d"
ROOMS = 100
PARTS = ("router", "nats", "store")
WINDOWS = (16, 256, 1000)
HTTP_WINDOWS = (16, 64)
BATCH_WINDOWS = (256, 1000)
BATCHES_AT_ONCE = 2  # as the router: one is on its way to the disk, one is gathered


class Published(NamedTuple):
    """What was stored in a second, and the CPU time of parts for each (us)."""

    rate: float
    costs: dict[str, float]


Way = Callable[[LoadClient, int, float], Published]


def run(bench: Bench) -> None:
    """Publish on NATS, through the router and by HTTP, first synced to disk, then relaxed."""
    for synced in (True, False):
        with (
            bench.system(synced=synced, beside_gateway=("router",)) as system,
            bench.client(system) as client,
        ):
            for name, way, windows in WAYS:
                measure_way(
                    bench, client, f"{name}, {'always' if synced else 'relaxed'}", way, windows
                )


def measure_way(
    bench: Bench, client: LoadClient, name: str, way: Way, windows: tuple[int, ...]
) -> None:
    """Measure one way with several messages in flight, in turns with one at a time."""
    seconds = bench.options.seconds
    for window in windows:
        samples: list[Published] = []
        one_at_a_time: list[Published] = []
        for _ in bench.rounds():
            one_at_a_time.append(way(client, 1, seconds))
            samples.append(way(client, window, seconds))
        case = Case(f"{name}, {window} in flight", name, window, "messages in flight")
        floors = [one.rate for one in one_at_a_time]
        bench.add_ours(case, "stored", "1/s", [one.rate for one in samples], floors)
        for part in samples[0].costs:
            spent = [one.costs[part] for one in samples]
            bench.add_ours(case, f"CPU of {part} per message", "us", spent)


def plain(client: LoadClient, window: int, seconds: float) -> Published:
    """Publish without confirmation; what counts is the message's own republish."""
    return ask(
        client, window, seconds, SUBJECTS.push(ROOM, OPERATION), "", BODY, "goim.room.bench.>"
    )


def acknowledged(client: LoadClient, window: int, seconds: float) -> Published:
    """Publish as requests to JetStream, each confirmed."""
    return ask(client, window, seconds, SUBJECTS.push(ROOM, OPERATION), "bench.reply", BODY)


def in_batches(client: LoadClient, window: int, seconds: float) -> Published:
    """Publish in atomic batches, each confirmed as one."""
    batch = max(1, window // BATCHES_AT_ONCE)
    subject = SUBJECTS.push(ROOM, OPERATION)
    return ask(client, window, seconds, subject, "bench.reply", BODY, batch=batch)


def through_router(client: LoadClient, window: int, seconds: float) -> Published:
    """Ask the router to push to a room, as goim's HTTP API does."""
    request = PushRequest(operation=OPERATION, body=BODY, type="bench", room="0")
    subject = SUBJECTS.rpc("pushes", "room")
    return ask(client, window, seconds, subject, "bench.reply", request.SerializeToString())


def by_http(client: LoadClient, window: int, seconds: float) -> Published:
    """Call goim's HTTP API over so many connections."""
    return Published(push_by_http(client.target.http_port, window, seconds, BODY), {})


def ask(
    client: LoadClient,
    window: int,
    seconds: float,
    subject: str,
    reply: str,
    body: bytes,
    listen: str = "",
    batch: int = 1,
) -> Published:
    """Return how many were confirmed. Raises FiguresUnsound when some were refused."""
    measured = client.measure(
        "ask",
        port=client.target.publish_port,
        subject=subject,
        numbers=ROOMS,
        reply=reply,
        listen=listen or reply,
        body=body.hex(),
        window=window,
        batch=batch,
        seconds=seconds,
        warm=min(1.0, seconds / 2),
    )
    if measured.answer["errors"] or measured.answer["ending"]:
        raise FiguresUnsound(client.target.name, f"not all was stored: {measured.answer}")
    spent, messages = measured.parts_cpu_seconds, max(1.0, float(measured.answer["messages"]))
    costs = {part: spent[part] * 1e6 / messages for part in PARTS if part in spent}
    return Published(measured.rate("messages"), costs)


WAYS: tuple[tuple[str, Way, tuple[int, ...]], ...] = (
    ("NATS plain", plain, WINDOWS),
    ("NATS confirmed", acknowledged, WINDOWS),
    ("NATS batches", in_batches, BATCH_WINDOWS),
    ("router", through_router, WINDOWS),
    ("HTTP", by_http, HTTP_WINDOWS),
)
