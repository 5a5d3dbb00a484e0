"""All members come back at once, and each has missed messages."""

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
SETTLE_SECONDS = 3.0  # positions are saved at disconnect, in batches


def run(bench: Bench) -> None:
    """Let members log in, go, be sent messages, and come back with 256 logins at once."""
    count = bench.counts(MEMBERS)[-1]
    for missed in MISSED:
        found: list[list[Answer]] = [[], []]
        spent: dict[str, list[float]] = {}
        with (
            bench.system() as system,
            bench.baseline() as baseline,
            bench.clients(system, baseline) as clients,
        ):
            pushes = (push_through_router, push_lines)
            for client in clients:
                client.connect("ws", count, first_mid=FIRST_MID, rooms=100)
            for _ in bench.rounds():
                for client, samples, push in zip(clients, found, pushes, strict=True):
                    client.disconnect()
                    client.command("hold", seconds=SETTLE_SECONDS)
                    push(client.target, count, missed)
                    before = client.target.cpu_seconds()
                    samples.append(come_back(bench, client, count, missed))
                    for part, seconds in client.target.cpu_seconds().items():
                        spent.setdefault(part, []).append(seconds - before[part])
        case = Case(f"{count} members, {missed} missed", "ws", missed, "missed messages each")
        for figure, name, unit in (
            ("complete_seconds", "until all have everything", "s"),
            ("complete_ms_p50", "until a member has everything, p50", "ms"),
            ("complete_ms_p99", "until a member has everything, p99", "ms"),
        ):
            bench.add(case, name, unit, *[[float(one[figure]) for one in of] for of in found])
        for part in system.processes:
            floor = spent[baseline.server] if part == system.server else None
            bench.add(case, f"CPU of {part}", "s", spent[part], floor)


def come_back(bench: Bench, client: LoadClient, count: int, missed: int) -> Answer:
    """Log all in again, until each has what it missed; tell of messages that came twice."""
    answer = client.connect("ws", count, first_mid=FIRST_MID, rooms=100, expect=missed)
    if surplus := answer["frames"] - count * missed:
        bench.say(f"{client.target.name}: {surplus} messages too many")
    return answer


def push_through_router(target: Target, count: int, missed: int) -> None:
    """Store messages for all members, as a service does. Raises ConnectionError."""
    mids = range(FIRST_MID, FIRST_MID + count)
    request = PushRequest(operation=OPERATION, body=BODY, mids=mids).SerializeToString()
    with NatsLink(target.publish_port) as link:
        for _ in range(missed):
            reply = PushReply.FromString(link.ask(SUBJECTS.rpc("pushes", "mids"), request))
            if reply.HasField("error"):
                raise ConnectionError(f"the router refuses a push: {reply.error.message}")


def push_lines(target: Target, count: int, missed: int) -> None:
    """Publish a message to each member, again and again."""
    with NatsLink(target.publish_port) as link:
        for _ in range(missed):
            link.publish_all(
                (target.subject(f"member.{mid}", stored=True), BODY)
                for mid in range(FIRST_MID, FIRST_MID + count)
            )
