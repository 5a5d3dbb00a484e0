"""All members come back at once, and each has missed messages."""

from collections.abc import Sequence

from bench.baseline import NAME as BASELINE
from bench.context import Bench
from bench.load_client import Answer, LoadClient
from bench.nats_link import NatsLink
from bench.report import Case
from bench.target import OPERATION, SUBJECTS, Target
from schemas.messages_pb2 import PushReply, PushRequest

MEMBERS = 10_000
MISSED = (5, 50)
FIRST_MID = 1
BODY = b'{"test":1}'
ROOMS = 100
FIGURES = (
    ("complete_seconds", "until all have everything", "s"),
    ("complete_ms_p50", "until a member has everything, p50", "ms"),
    ("complete_ms_p99", "until a member has everything, p99", "ms"),
)
SETTLE_SECONDS = 3.0  # positions are saved at disconnect, in batches


def run(bench: Bench) -> None:
    """Let members log in, go, be sent messages, and come back with 256 logins at once."""
    for missed in MISSED:
        with (
            bench.system() as system,
            bench.baseline() as baseline,
            bench.clients(system, baseline) as clients,
        ):
            measure(bench, clients, bench.counts(MEMBERS)[-1], missed)


def measure(bench: Bench, clients: Sequence[LoadClient], count: int, missed: int) -> None:
    """Measure both in turns, then give the figures."""
    for client in clients:
        client.connect("ws", count, first_mid=FIRST_MID, rooms=ROOMS)
    found = bench.in_turns(clients, lambda client: storm(bench, client, missed))
    case = Case(f"{count} members, {missed} missed", "ws", missed, "missed messages each")
    for key, figure, unit in FIGURES:
        samples = {name: [float(one[key]) for one, _ in of] for name, of in found.items()}
        bench.add(case, figure, unit, samples)
    ours = found[clients[0].target.name]
    for part in clients[0].target.processes:
        bench.add_ours(case, f"CPU of {part}", "s", [spent[part] for _, spent in ours])


def storm(bench: Bench, client: LoadClient, missed: int) -> tuple[Answer, dict[str, float]]:
    """Do it once; return the load client's answer, and how busy each process was (seconds)."""
    count, target = client.count, client.target
    client.disconnect()
    client.command("hold", seconds=SETTLE_SECONDS)
    push = push_lines if target.name == BASELINE else push_through_router
    push(target, count, missed)
    before = target.cpu_seconds()
    answer = client.connect("ws", count, first_mid=FIRST_MID, rooms=ROOMS, expect=missed)
    after = target.cpu_seconds()
    if surplus := answer["frames"] - count * missed:
        bench.say(f"{target.name}: {surplus} messages too many")
    return answer, {part: after[part] - before[part] for part in before}


def push_through_router(target: Target, count: int, missed: int) -> None:
    """Store messages for all members, as a service does. Raises ConnectionError."""
    mids = range(FIRST_MID, FIRST_MID + count)
    request = PushRequest(operation=OPERATION, body=BODY, mids=mids).SerializeToString()
    with NatsLink(target.publish_port) as link:
        for _ in range(missed):
            reply = PushReply.FromString(link.ask(SUBJECTS.rpc("pushes", "mids"), request))
            if reply.HasField("error"):
                raise ConnectionError(f"the router refuses a push: {reply.error.message}")
        link.await_events()  # of members who were away: no part of a storm


def push_lines(target: Target, count: int, missed: int) -> None:
    """Publish a message to each member, again and again."""
    with NatsLink(target.publish_port) as link:
        for _ in range(missed):
            link.publish_all(
                (target.subject(f"member.{mid}", stored=True), BODY)
                for mid in range(FIRST_MID, FIRST_MID + count)
            )
