"""EDGE publishers: of services by NATS and by goim's HTTP API, with and without ids.

One with an id tries the same again until it is told that the message is stored. One without
tries once: what it was not told, it does not know.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random

from bus.connection import Bus
from bus.errors import BusError
from chaos.ledger import Ledger, encode_body, key_topic
from chaos.population import (
    BRIEF_ROOMS,
    FLEETING_ROOMS,
    FORBIDDEN_ROOM,
    OPERATION,
    RARE_OPERATION,
    ROOMS,
    Persona,
)
from chaos.world import World
from goimbus.push_request import (
    Kind,
    Push,
    PushFailed,
    http_path,
    nats_headers,
    nats_subject,
    read_http_answer,
    read_stream_answer,
)
from schemas.subjects import ALL_TOPIC, member_topic, room_topic

ANSWER_SECONDS = 6.0  # more than the HTTP API waits itself
GIVE_UP_SECONDS = 100.0  # ids are remembered for two minutes
RETRY_SECONDS = (0.05, 0.5)
MOST_UNDER_WAY = 512
LARGE_BODY_BYTES = 2000
KINDS: dict[Kind, int] = {"room": 55, "member": 33, "all": 3, "key": 9}
PUSHED_ROOMS = (*ROOMS, *ROOMS, *ROOMS, *BRIEF_ROOMS, *BRIEF_ROOMS, *FLEETING_ROOMS, FORBIDDEN_ROOM)
SIZES, SIZE_WEIGHTS = (0, 60, 300, LARGE_BODY_BYTES), (4, 4, 3, 1)
HTTP_CHANCE, ID_CHANCE, RARE_CHANCE, SECOND_MEMBER_CHANCE = 0.4, 0.75, 0.1, 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """One push, and how it goes out."""

    push: Push
    number: int
    second_member: int  # 0: none
    by_http: bool

    @property
    def path(self) -> str:
        """The HTTP request's path and query."""
        path = http_path(self.push)
        return f"{path}&mids={self.second_member}" if self.second_member else path


class Publishers:
    """Publishes at an even rate; every push runs in a task of its own."""

    def __init__(
        self, world: World, personas: list[Persona], bus: Bus, http_port: int, per_second: float
    ) -> None:
        self.world = world
        self.counts: Counter[str] = Counter()
        self._bus = bus
        self._http_port = http_port
        self._interval = 1 / per_second
        self._random = world.random("publishers")
        self._mids = sorted({persona.mid for persona in personas})
        self._keys = [persona.key for persona in personas if persona.key]
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Publish until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._interval, loop.time() - 0.5)
            await asyncio.sleep(max(0.0, due - loop.time()))
            if len(self._tasks) >= MOST_UNDER_WAY:
                self.counts["held back"] += 1
                continue
            task = asyncio.create_task(self._publish(self._make_job()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Return when everything under way has been answered or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def cancel(self) -> None:
        """Wait for no answer any more."""
        for task in self._tasks:
            task.cancel()

    def _make_job(self) -> Job:
        random = self._random
        kind = random.choices(list(KINDS), list(KINDS.values()))[0]
        target = self._target(kind)
        second = 0
        by_http = kind == "key" or random.random() < HTTP_CHANCE
        if kind == "member" and by_http and random.random() < SECOND_MEMBER_CHANCE:
            second = random.choice(self._mids)
            second = 0 if str(second) == target else second
        topics = [_topic(kind, target), *([member_topic(second)] if second else [])]
        fleeting = kind == "key" or (kind == "room" and target in FLEETING_ROOMS)
        by_http = by_http or fleeting
        operation = RARE_OPERATION if random.random() < RARE_CHANCE else OPERATION
        number = self.world.ledger.publish(topics, operation, not fleeting)
        size = random.choices(SIZES, SIZE_WEIGHTS)[0]
        named = (
            not fleeting and random.random() < ID_CHANCE
        )  # what is not stored has no use for one
        name = f"chaos.{self.world.seed}.{number}" if named else ""
        body = encode_body(number, size)
        return Job(Push(kind, target, operation, body, id=name), number, second, by_http)

    def _target(self, kind: Kind) -> str:
        random: Random = self._random
        if kind == "room":
            return random.choice(PUSHED_ROOMS)
        if kind == "member":
            return str(random.choice(self._mids))
        return random.choice(self._keys) if kind == "key" else ""

    async def _publish(self, job: Job) -> None:
        """Publish until it is known to be stored, or once where the push has no id."""
        way = "http" if job.by_http else "nats"
        deadline = self.world.now() + GIVE_UP_SECONDS
        while True:
            try:
                if job.by_http:
                    sequences = await self._publish_by_http(job)
                else:
                    sequences = await self._publish_by_nats(job)
            except (PushFailed, BusError, OSError, EOFError, TimeoutError):
                self.counts[f"{way} failed"] += 1
            else:
                self._note_success(job, way, sequences)
                return
            if not job.push.id or self.world.now() > deadline:
                self.counts[f"{way} unknown"] += 1
                return
            await asyncio.sleep(self._random.uniform(*RETRY_SECONDS))

    def _note_success(self, job: Job, way: str, sequences: tuple[int, ...]) -> None:
        self.counts[f"{way} answered"] += 1
        ledger: Ledger = self.world.ledger
        if ledger.messages[job.number - 1].stored:
            ledger.acknowledge(job.number, sequences, self.world.now())

    async def _publish_by_nats(self, job: Job) -> tuple[int, ...]:
        push, bus = job.push, self._bus
        subject = nats_subject(push, bus.subjects)
        reply = await bus.call(subject, push.body, ANSWER_SECONDS, nats_headers(push))
        return read_stream_answer(push.kind, reply.payload).sequences

    async def _publish_by_http(self, job: Job) -> tuple[int, ...]:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await http_post(self._http_port, job.path, job.push.body)
        return read_http_answer(job.push.kind, answer).sequences


def _topic(kind: Kind, target: str) -> str:
    if kind == "room":
        return room_topic(target)
    if kind == "member":
        return member_topic(int(target))
    return ALL_TOPIC if kind == "all" else key_topic(target)


async def http_post(port: int, path: str, body: bytes) -> bytes:
    """Return the body of the answer. Raises OSError, EOFError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.read(-1)
    finally:
        writer.close()
    _, separator, rest = answer.partition(b"\r\n\r\n")
    if not separator:
        raise EOFError
    return rest
