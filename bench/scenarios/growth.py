"""Does a message, and a login, cost the same when there are more rooms, members, and history?

The baseline of each figure is the same one at the smallest size. What is measured is the CPU time
of all parts together, for probing clients in rooms of their own.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from bench.context import Bench
from bench.load_client import LoadClient
from bench.nats_link import NatsLink
from bench.report import Case
from bench.target import OPERATION, SUBJECTS, Target
from schemas.messages_pb2 import LastReply, LastRequest

ROOM_COUNTS = (1, 100, 10_000)  # with one connection in each
MEMBER_COUNTS = (1000, 10_000, 100_000)  # with one message each
HISTORY = (10_000, 100_000, 1_000_000)  # messages of all rooms together
MESSAGES_OF_A_ROOM = 500  # below what a room retains
BODY = b'{"test":1}'
CHUNK = 10_000  # messages published at once

PROBES = 1000  # connections
PROBE_ROOMS = 100
PROBE_MID = 20_000_000  # over all other members
PROBE_ROOM = 20_000_000
WINDOW = 16
STORE_SECONDS = 120.0  # for the store to read a million messages
SETTLE_SECONDS = 15.0  # who has come is saved, told, and looked after once more meanwhile
Stored = Iterable[tuple[str, bytes]]


@dataclass(slots=True)
class Costs:
    """Microseconds of CPU at one size, of each round."""

    message: list[float] = field(default_factory=list)
    login: list[float] = field(default_factory=list)


def run(bench: Bench) -> None:
    """Grow one thing at a time, on a system that does not wait for the disk."""
    grow_rooms(bench)
    grow_storage(bench, "members with messages", MEMBER_COUNTS, member_messages)
    grow_storage(bench, "messages of history", HISTORY, room_messages)


def grow_rooms(bench: Bench) -> None:
    """Probe beside more and more rooms."""
    sizes = bench.counts(*ROOM_COUNTS)
    found = {size: Costs() for size in sizes}
    for _ in bench.rounds():
        with bench.system(synced=False) as system, bench.clients(system, system) as clients:
            others, probes = clients
            probe(bench, probes, Costs())  # who comes for the first time costs more
            for size in sizes:
                others.connect("ws", size, rooms=size)
                others.command("hold", seconds=SETTLE_SECONDS)
                probe(bench, probes, found[size])
    tell(bench, "rooms", found)


def grow_storage(
    bench: Bench, name: str, sizes: tuple[int, ...], messages: Callable[[int, int], Stored]
) -> None:
    """Probe beside more and more that is stored."""
    found = {size: Costs() for size in sizes}
    for _ in bench.rounds():
        with bench.system(synced=False) as system, bench.client(system) as probes:
            stored = 0
            probe(bench, probes, Costs())
            for size in sizes:
                store(system, messages(stored, size))
                await_store(system)
                stored = size
                probe(bench, probes, found[size])
    tell(bench, name, found)


def probe(bench: Bench, client: LoadClient, costs: Costs) -> None:
    """Log probes in, push to their rooms, let them go."""
    before = sum(client.target.cpu_seconds().values())
    client.connect("ws", PROBES, first_mid=PROBE_MID, rooms=PROBE_ROOMS, first_room=PROBE_ROOM)
    client.command("hold", seconds=1)  # what logins leave to be done
    costs.login.append((sum(client.target.cpu_seconds().values()) - before) * 1e6 / PROBES)
    measured = client.publish_in_loop(
        "room.bench.%d",
        stored=True,
        window=WINDOW,
        receivers=PROBES // PROBE_ROOMS,
        seconds=bench.options.seconds,
        first=PROBE_ROOM,
        numbers=PROBE_ROOMS,
    )
    spent = sum(measured.parts_cpu_seconds.values())
    costs.message.append(spent * 1e6 / max(1, measured.answer["messages"]))
    client.disconnect()
    client.command("hold", seconds=1)


def await_store(target: Target) -> None:
    """Wait until the store knows all messages: what is done about them is no cost of a probe."""
    request = LastRequest(topics=["all", "member.1", "room.bench.0"]).SerializeToString()
    deadline = time.monotonic() + STORE_SECONDS
    while True:
        try:
            with NatsLink(target.publish_port) as link:
                answer = link.ask(SUBJECTS.rpc("store", "last"), request)
                if not LastReply.FromString(answer).error.code:
                    link.await_events()
                    return
        except (TimeoutError, ConnectionError):  # NATS has cut the store off, for being slow
            if time.monotonic() > deadline:
                raise


def tell(bench: Bench, name: str, found: dict[int, Costs]) -> None:
    """Give the figures, each beside those of the smallest size."""
    least = found[min(found)]
    for size, costs in found.items():
        case = Case(f"{size} {name}", "all parts", size, name)
        bench.add_ours(case, "CPU per message", "us", costs.message, least.message)
        bench.add_ours(case, "CPU per login", "us", costs.login, least.login)


def member_messages(first: int, end: int) -> Stored:
    """Give a message for each member from `first` on."""
    subject = SUBJECTS.push("member.%d", OPERATION)
    return ((subject % (mid + 1), BODY) for mid in range(first, end))


def room_messages(first: int, end: int) -> Stored:
    """Give messages for rooms, 500 each, from the `first` one of all on."""
    subject = SUBJECTS.push("room.bench.%d", OPERATION)
    return ((subject % (number // MESSAGES_OF_A_ROOM), BODY) for number in range(first, end))


def store(target: Target, messages: Stored) -> None:
    """Publish all of them, and wait until JetStream has stored them."""
    waiting: Iterator[tuple[str, bytes]] = iter(messages)
    with NatsLink(target.publish_port) as link:
        while chunk := list(islice(waiting, CHUNK)):
            stream = "GOIM_MEMBER" if ".member." in chunk[0][0] else "GOIM_ROOM"
            wanted = link.last_sequence(stream) + len(chunk)
            link.publish_all(chunk)
            while link.last_sequence(stream) < wanted:
                pass
