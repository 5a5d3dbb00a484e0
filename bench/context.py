"""What a scenario has in hand: targets, load clients, and where its figures go."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.baseline import running_baseline
from bench.cores import Cores
from bench.load_client import LoadClient, Measured, load_client
from bench.report import Case, Result, one_line, summarize
from bench.system import errors_logged, running_system
from bench.target import Target

MOST_LINES_TOLD = 5


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
    def system(self, *, synced: bool = True) -> Iterator[Target]:
        """Run a fresh Goimbus."""
        with (
            tempfile.TemporaryDirectory(prefix="goimbus-bench-") as folder,
            running_system(Path(folder), self.cores, self.variables, synced=synced) as target,
        ):
            try:
                yield target
            finally:
                for line in errors_logged(Path(folder))[:MOST_LINES_TOLD]:
                    self.say(f"{target.name} logged: {line}")

    @contextmanager
    def baseline(self) -> Iterator[Target]:
        """Run the floor."""
        with running_baseline(self.cores) as target:
            yield target

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

    def add(
        self,
        case: Case,
        figure: str,
        unit: str,
        samples: list[float],
        baselines: list[float] | None = None,
    ) -> None:
        """Take the samples of a figure, and those of its baseline from the same rounds."""
        result = summarize(self.scenario, case, figure, unit, samples, baselines or ())
        self.results.append(result)
        self.say(f"  {one_line(result)}")

    def add_rates(self, case: Case, what: str, found: list[list[Measured]]) -> None:
        """Take how much of `what` each target did, and the server's CPU time for each.

        `found` holds the rounds of our system, then those of its baseline.
        """
        rates = [[one.rate(what) for one in samples] for samples in found]
        costs = [[one.server_microseconds(what) for one in samples] for samples in found]
        self.add(case, what, "1/s", *rates)
        self.add(case, f"gateway CPU per {what.removesuffix('s')}", "us", *costs)


def pin_to(cores: frozenset[int]) -> None:
    """Let this process, and what it starts from now on, run there only."""
    os.sched_setaffinity(0, cores)
