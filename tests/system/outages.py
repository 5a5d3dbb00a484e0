"""A system whose parts can be away, silent or slow for a while, and who publishes meanwhile.

Each part is started by a script that waits while a file says that the part is away: it is not
there at all then, however often its supervisor starts it.
"""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import httpx
import nats
from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from goimbus.client import Client
from goimbus.embedded import find_nats_server, find_valkey_server
from goimbus.messages import Message
from tests.system.running_system import RunningSystem, running_system
from tests.until import until

SERVICES = ("auth", "router", "store")
SERVERS = ("nats-server", "valkey-server")
LOOK_SECONDS = 0.02
RUNS_SECONDS = 0.1  # of a slow part, between two stops
PUBLISH_SECONDS, PAUSE_SECONDS = 2.0, 0.02

T = TypeVar("T")
Manner = Callable[[RunningSystem, str], AbstractAsyncContextManager[None]]


@contextmanager
def breakable_system(folder: Path, **environment: str) -> Iterator[RunningSystem]:
    """Run a system whose parts can be broken by what is below."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = {name: f'python -m {name} "$@"' for name in SERVICES}
    commands["nats-server"] = f'"{find_nats_server(os.environ)}" "$@"'
    commands["valkey-server"] = f'"{find_valkey_server(os.environ)}" "$@"'
    starters = {name: _starter(folder, name, command) for name, command in commands.items()}
    lines = ["web: python -m gateway", *(f"{name}: '{starters[name]}'" for name in SERVICES)]
    procfile = folder / "Procfile"
    procfile.write_text("\n".join(lines) + "\n")
    with running_system(
        folder,
        "--procfile",
        str(procfile),
        NATS_SERVER_BIN=str(starters["nats-server"]),
        REDIS_SERVER_BIN=str(starters["valkey-server"]),
        **environment,
    ) as system:
        yield system


@asynccontextmanager
async def away(system: RunningSystem, part: str) -> AsyncIterator[None]:
    """The part is killed, and not there until the end."""
    file = _away_file(system.folder, part)
    file.touch()
    try:
        assert system.kill(part) >= 1
        yield
    finally:
        file.unlink()
    await until(lambda: bool(system.processes(part)))


@asynccontextmanager
async def silent(system: RunningSystem, part: str) -> AsyncIterator[None]:
    """The part is stopped: its connections stand, and nothing answers."""
    found = system.processes(part)
    assert found
    _send(found, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(found, signal.SIGCONT)


@asynccontextmanager
async def slow(system: RunningSystem, part: str, seconds: float) -> AsyncIterator[None]:
    """The part takes up to so long for an answer."""
    found = system.processes(part)
    assert found

    async def drag() -> None:
        while True:
            _send(found, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            _send(found, signal.SIGCONT)
            await asyncio.sleep(RUNS_SECONDS)

    dragging = asyncio.create_task(drag())
    try:
        yield
    finally:
        dragging.cancel()
        await asyncio.gather(dragging, return_exceptions=True)
        _send(found, signal.SIGCONT)


async def becomes(wanted: T, ask: Callable[[], Awaitable[T]]) -> None:
    """Ask until this is the answer; the test's own time limit ends the waiting."""
    while await ask() != wanted:  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(LOOK_SECONDS)


async def reasons(system: RunningSystem) -> list[str]:
    """Return why the system is not ready, nothing when it is."""
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.get(f"http://127.0.0.1:{system.port}/readyz")
        told: list[str] = answer.json()["reasons"]
        assert (answer.status_code == 503) == bool(told)
        return told


async def metric(system: RunningSystem, name: str) -> float:
    """Return a number of the gateway's `/metrics`, 0 where it is not told yet."""
    async with httpx.AsyncClient(timeout=20) as client:
        text = (await client.get(f"{system.http_url}/metrics")).text
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(found[0]) if found else 0.0


class Publisher:
    """Publishes to topics, one message at a time, until each is acknowledged."""

    def __init__(self, client: NatsClient, subjects: dict[str, str]) -> None:
        self.acknowledged: dict[str, list[bytes]] = {topic: [] for topic in subjects}
        self._subjects = subjects
        self._stream = client.jetstream()
        self._stopping = False
        self.done = False  # nothing is under way any more

    @property
    def count(self) -> int:
        """How many were acknowledged."""
        return sum(len(bodies) for bodies in self.acknowledged.values())

    async def run(self) -> None:
        """Publish to all topics, round by round, until stopped."""
        while not self._stopping:
            for topic, subject in self._subjects.items():
                body = b"%d" % len(self.acknowledged[topic])
                await self._publish(subject, body)
                self.acknowledged[topic].append(body)
            await asyncio.sleep(PAUSE_SECONDS)
        self.done = True

    def stop(self) -> None:
        """Begin no more rounds."""
        self._stopping = True

    async def _publish(self, subject: str, body: bytes) -> None:
        headers = {"Nats-Msg-Id": f"{subject}.{body.decode()}"}
        while True:
            try:
                await self._stream.publish(subject, body, timeout=PUBLISH_SECONDS, headers=headers)
                return
            except (NatsError, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def publishing(system: RunningSystem, subjects: dict[str, str]) -> AsyncIterator[Publisher]:
    """Publish during the block, and finish what was begun."""
    client = await nats.connect(
        system.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_ignore
    )
    publisher = Publisher(client, subjects)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
        publisher.stop()
        await task
    finally:
        task.cancel()
        with suppress(NatsError, OSError):
            await client.close()


class Reader:
    """All that a client has got, by topic, in the order it came."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.received: defaultdict[str, list[bytes]] = defaultdict(list)
        self._task = asyncio.create_task(self._read())

    def __len__(self) -> int:
        return sum(len(bodies) for bodies in self.received.values())

    def stop(self) -> None:
        """Read no more."""
        self._task.cancel()

    async def _read(self) -> None:
        async for message in self.client:
            assert isinstance(message, Message)
            self.received[message.topic].append(message.body)


def _starter(folder: Path, name: str, command: str) -> Path:
    path = folder / f"start-{name}"
    waiting = f'while [ -e "{_away_file(folder, name)}" ]; do sleep 0.05; done'
    path.write_text(f"#!/bin/sh\n{waiting}\nexec {command}\n")
    path.chmod(0o700)
    return path


def _away_file(folder: Path, part: str) -> Path:
    return folder / f"{part}.away"


def _send(process_ids: list[int], number: signal.Signals) -> None:
    for process_id in process_ids:
        os.kill(process_id, number)


async def _ignore(error: Exception) -> None:
    """nats-py would log it."""
