"""EDGE the load client in C as a process that is told what to do, a line a command.

`sink/main.c` lists the commands. Where one measures, the CPU time of the server under test is
read at both ends of the same window.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import FiguresUnsound, PartFailed
from bench.processes import pin
from bench.target import Target
from goimbus.bound_to_parent import bound_to_parent

STOP_SECONDS = 5.0
DRAIN_SECONDS = 0.3  # without a frame: all that is to come is there
BATCH_DRAIN_SECONDS = 1.5  # where the last messages wait a second for others
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command answered, and how busy processes were meanwhile (seconds of CPU)."""

    answer: Answer
    server_cpu_seconds: float
    parts_cpu_seconds: dict[str, float]

    @property
    def seconds(self) -> float:
        """How long was measured."""
        return float(self.answer["seconds"])

    def rate(self, what: str) -> float:
        """Return so many a second."""
        return float(self.answer[what]) / self.seconds

    @property
    def lost_percent(self) -> float:
        """Return how much of what was published has not come."""
        wanted = max(1, int(self.answer["wanted"]))
        return 100 * float(self.answer["missing"]) / wanted

    def server_microseconds(self, what: str) -> float:
        """Return the server's CPU time for each."""
        return self.server_cpu_seconds * 1e6 / max(1.0, float(self.answer[what]))


class LoadClient:
    """Any number of clients of one target, in one process."""

    def __init__(self, process: subprocess.Popen[str], target: Target) -> None:
        self._process = process
        self.target = target
        self.count = 0  # of clients at the last connect

    def connect(
        self,
        transport: str,
        count: int,
        *,
        first_mid: int = 1,
        rooms: int = 1,
        first_room: int = 0,
        in_flight: int = 256,
        expect: int = 0,
    ) -> Answer:
        """Log clients in; the n-th is member first_mid + n in room first_room + n % rooms.

        first_mid 0: nobody is a member; rooms 0: nobody is in one.
        Those that are connected stay. With `expect`, waits for so many messages each. Raises
        FiguresUnsound when not all could.
        """
        answer = self.command(
            "connect",
            port=self.target.ports[transport],
            transport=self.target.client_transport(transport),
            count=count,
            first_mid=first_mid,
            rooms=rooms,
            first_room=first_room,
            in_flight=in_flight,
            expect=expect,
        )
        self.count = count
        if answer["ready"] != count:
            raise FiguresUnsound(self.target.name, f"not all clients could log in: {answer}")
        if expect and answer["complete"] != count:
            raise FiguresUnsound(self.target.name, f"not all clients have everything: {answer}")
        return answer

    def disconnect(self) -> None:
        """Close all connections."""
        self.command("disconnect")

    def publish_in_loop(
        self,
        topic: str,
        *,
        stored: bool,
        window: int,
        receivers: int,
        seconds: float,
        first: int = 0,
        numbers: int = 1,
    ) -> Measured:
        """Publish with at most `window` messages that not all receivers have.

        `topic` may hold a %d: numbers from `first` on take turns in its place.
        """
        measured = self.measure(
            "push",
            port=self.target.publish_port,
            subject=self.target.subject(topic, stored, window),
            first=first,
            numbers=numbers,
            receivers=receivers,
            window=window,
            seconds=seconds,
            warm=min(1.0, seconds / 2),
            drain=BATCH_DRAIN_SECONDS if self.target.batches(window) else DRAIN_SECONDS,
        )
        if stored and self.target.stores and measured.answer["missing"]:
            raise FiguresUnsound(self.target.name, f"stored messages are missing: {measured}")
        return measured

    def measure(self, name: str, **values: object) -> Measured:
        """Give a command that measures, and return what it and the kernel say."""
        self._write(name, values)
        self._read()  # the warm-up is over
        before = self.target.cpu_seconds()
        answer = self._read()
        after = self.target.cpu_seconds()
        spent = {part: after[part] - before[part] for part in before}
        if answer.get("lost"):
            raise FiguresUnsound(self.target.name, f"connections were lost: {answer}")
        return Measured(answer, spent[self.target.server], spent)

    def command(self, name: str, **values: object) -> Answer:
        """Give a command and return its answer."""
        self._write(name, values)
        return self._read()

    def _write(self, name: str, values: dict[str, object]) -> None:
        words = [f"{key}={value}" for key, value in values.items() if value != ""]
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{' '.join([name, *words])}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PartFailed("the load client", f"before {name}") from None

    def _read(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PartFailed("the load client", f"against {self.target.name}; see above")
        answer: Answer = json.loads(line)
        return answer


@contextmanager
def load_client(binary: Path, cores: frozenset[int], target: Target) -> Iterator[LoadClient]:
    """Run a load client on these cores for the length of the block."""
    process = subprocess.Popen(
        bound_to_parent((str(binary),)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        pin(process.pid, cores)
        yield LoadClient(process, target)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.close()  # its end
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
