"""What a scenario has in hand: targets, load clients, and where its figures go."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench import baseline, system
from bench.centrifugo_server import running_centrifugo
from bench.cores import Cores
from bench.goim_server import running_goim
from bench.load_client import LoadClient, Measured, load_client
from bench.nats_server import running_nats
from bench.processes import pin
from bench.report import Case, Result, one_line, summarize
from bench.target import Target

MOST_LINES_TOLD = 5
BUSY = 0.9  # a load client that runs so much of the time may be the limit
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how much is measured."""

    seconds: float = 3.0  # of one measurement
    repeats: int = 3
    most_connections: int = 18_000  # cases with more are run with so many
    goim: Path | None = None  # a folder with goim's comet, to be measured beside ours
    centrifugo: Path | None = None  # its binary, likewise


@dataclass
class Bench:
    """The benchmark as a scenario sees it."""

    options: Options
    cores: Cores
    sink: Path
    variables: Mapping[str, str]
    say: Callable[[str], None]
    scenario: str = ""
    results: list[Result] = field(default_factory=list)

    @contextmanager
    def system(
        self, *, synced: bool = True, beside_gateway: Sequence[str] = ()
    ) -> Iterator[Target]:
        """Run a fresh Goimbus; parts that are under test too join the gateway on its core."""
        with (
            _folder() as name,
            system.running_system(Path(name), self.cores, self.variables, synced=synced) as target,
        ):
            for part in beside_gateway:
                pin(target.processes[part], self.cores.server)
            try:
                yield target
            finally:
                for line in system.errors_logged(Path(name))[:MOST_LINES_TOLD]:
                    self.say(f"{target.name} logged: {line}")

    @contextmanager
    def baseline(self) -> Iterator[Target]:
        """Run the floor."""
        with baseline.running_baseline(self.cores) as target:
            yield target

    @contextmanager
    def goim(self) -> Iterator[list[Target]]:
        """Run goim, if it was given."""
        if self.options.goim is None:
            yield []
            return
        with (
            _folder() as folder,
            running_goim(Path(folder), self.options.goim, self.cores) as target,
        ):
            yield [target]

    @contextmanager
    def centrifugo(self) -> Iterator[list[Target]]:
        """Run Centrifugo, if it was given."""
        if self.options.centrifugo is None:
            yield []
            return
        with (
            _folder() as folder,
            running_centrifugo(Path(folder), self.options.centrifugo, self.cores) as target,
        ):
            yield [target]

    @contextmanager
    def nats_websocket(self, wanted: bool) -> Iterator[list[Target]]:
        """Run a nats-server that clients connect to themselves, if it is wanted."""
        if not wanted:
            yield []
            return
        with _folder() as folder, running_nats(Path(folder), self.cores) as target:
            yield [target]

    @contextmanager
    def targets(self, transport: str = "ws", *, nats: bool = False) -> Iterator[list[Target]]:
        """Run a fresh Goimbus, the floor, and the others that were given."""
        with (
            self.system() as ours,
            self.baseline() as floor,
            self.goim() as goim,
            self.centrifugo() as centrifugo,
            self.nats_websocket(nats) as nats_websocket,
        ):
            targets = [ours, floor, *goim, *centrifugo, *nats_websocket]
            yield [one for one in targets if transport in one.ports]

    @contextmanager
    def client(self, target: Target) -> Iterator[LoadClient]:
        """Run a load client of this target."""
        with load_client(self.sink, self.cores.client, target) as client:
            yield client

    @contextmanager
    def clients(self, *targets: Target) -> Iterator[list[LoadClient]]:
        """Run a load client of each target."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.client(target)) for target in targets]

    def counts(self, *wanted: int) -> list[int]:
        """Return these numbers of connections, none over what this run may use."""
        most = self.options.most_connections
        return sorted({min(count, most) for count in wanted})

    def rounds(self) -> range:
        """Return the numbers of the rounds; in each, every target has its turn."""
        return range(self.options.repeats)

    def in_turns(
        self, clients: Sequence[LoadClient], measure: Callable[[LoadClient], Found]
    ) -> dict[str, list[Found]]:
        """Measure each client's target once a round; return what was found, by target."""
        found: dict[str, list[Found]] = {client.target.name: [] for client in clients}
        for _ in self.rounds():
            for client in clients:
                found[client.target.name].append(measure(client))
        return found

    def add(
        self,
        case: Case,
        figure: str,
        unit: str,
        found: Mapping[str, Sequence[float]],
        baselines: Sequence[float] = (),
    ) -> None:
        """Take the samples of a figure, by target; those of the baseline stand beside all others.

        `baselines` are those of the same rounds where no target is the baseline.
        """
        for name, samples in found.items():
            if name == baseline.NAME:
                continue
            of_target = case if name == system.NAME else case.of(name)
            floors = found.get(baseline.NAME, baselines)
            result = summarize(self.scenario, of_target, figure, unit, samples, floors)
            self.results.append(result)
            self.say(f"  {one_line(result)}")

    def add_ours(
        self,
        case: Case,
        figure: str,
        unit: str,
        samples: Sequence[float],
        baselines: Sequence[float] = (),
    ) -> None:
        """Take the samples of a figure that our system alone has."""
        self.add(case, figure, unit, {system.NAME: samples}, baselines)

    def add_rates(self, case: Case, what: str, found: Mapping[str, list[Measured]]) -> None:
        """Take how much of `what` each target did, and the server's CPU time for each."""
        for name, of in found.items():
            busy = max(float(one.answer["cpu"]) for one in of)
            if busy > BUSY:
                self.say(f"  {case.words}: {name} waited for the load client ({busy:.0%} busy)")
        rates = {name: [one.rate(what) for one in of] for name, of in found.items()}
        costs = {name: [one.server_microseconds(what) for one in of] for name, of in found.items()}
        self.add(case, what, "1/s", rates)
        self.add(case, f"server CPU per {what.removesuffix('s')}", "us", costs)

    def add_answers(
        self, case: Case, figure: str, unit: str, key: str, found: Mapping[str, list[Measured]]
    ) -> None:
        """Take one value of the load client's answers."""
        samples = {name: [float(one.answer[key]) for one in of] for name, of in found.items()}
        self.add(case, figure, unit, samples)


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="goimbus-bench-")


def pin_to(cores: frozenset[int]) -> None:
    """Let this process, and what it starts from now on, run there only."""
    os.sched_setaffinity(0, cores)
