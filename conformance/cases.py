"""EDGE lets the runner of the Autobahn cases loose on the gateway under test, and judges.

`kosoku` runs the original case files. What counts is what it says of the messages and of the end
of each case: OK, NON-STRICT or INFORMATIONAL.
"""

import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.errors import EchoFailed, RunnerMissing
from goimbus.bound_to_parent import bound_to_parent

if TYPE_CHECKING:
    from kosoku._kosoku import CaseResult

CHECKOUT = Path(__file__).parent.parent
# A close frame between the fragments of a message: websockets, whose protocol object reads all
# unusual frames here, answers 1002 where the case wants 1000, and documents this as its exception.
EXCEPTIONS = frozenset({"7.1.5"})
COMPRESSION = ("12.", "13.")
SLOW = ("9.*", "12.*", "13.*")  # messages of up to 16 MiB, and what needs compression
UNIMPLEMENTED = "UNIMPLEMENTED"
AT_ONCE = 8  # many cases only wait
STOP_SECONDS = 5.0


@dataclass
class Outcome:
    """What the runner says, by case."""

    passed: list[str] = field(default_factory=list)
    excepted: list[str] = field(default_factory=list)  # not passed, as documented
    refused: list[str] = field(default_factory=list)  # its extension was offered, and not taken
    failed: dict[str, str] = field(default_factory=dict)  # with the runner's words
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        """Whether cases were run, and none failed."""
        return bool(self.passed) and not self.failed

    def in_words(self) -> str:
        """Return a line for each case that failed, then the sums."""
        lines = [f"{case}: {words}" for case, words in self.failed.items()]
        verdicts = ", ".join(f"{count} {name}" for name, count in self.verdicts.most_common())
        lines.append(
            f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.excepted)} excepted,"
            f" {len(self.refused)} of compression, which is not agreed on ({verdicts})"
        )
        return "\n".join(lines)


async def run_cases(
    url: str, cases: Sequence[str] = (), without: Sequence[str] = ()
) -> "list[CaseResult]":
    """Run these cases, all of them without a name, on a server that echoes.

    Raises RunnerMissing.
    """
    try:
        from kosoku import FailureError, run_fuzzingclient
    except ImportError:
        raise RunnerMissing from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its data files open
        try:
            return await run_fuzzingclient(url, cases or None, without or None, AT_ONCE)
        except FailureError as failed:
            return failed.results  # those of all cases


def judge(results: Iterable["CaseResult"]) -> Outcome:
    """Sort what the runner found."""
    outcome = Outcome()
    for one in results:
        verdict = one.behavior.value
        outcome.verdicts[verdict] += 1
        compression = one.case_id.startswith(COMPRESSION)
        if one.passed:
            outcome.passed.append(one.case_id)
        elif one.case_id in EXCEPTIONS:
            outcome.excepted.append(one.case_id)
        elif compression and verdict == UNIMPLEMENTED and one.behavior_close.value == "OK":
            outcome.refused.append(one.case_id)
        else:
            outcome.failed[one.case_id] = f"{verdict}, {one.behavior_close.value}: {one.result}"
    return outcome


@contextmanager
def gateway_under_test(nats_url: str) -> Iterator[str]:
    """Run the gateway that echoes for the length of the block, which gets its URL.

    Raises EchoFailed.
    """
    command = bound_to_parent((sys.executable, "-m", "conformance.echo", nats_url))
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise EchoFailed(f"{port}\n{_last_words(process)}")
        yield f"ws://127.0.0.1:{port}/sub"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _last_words(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    try:
        process.wait(4 * STOP_SECONDS)
        return process.stdout.read()  # `communicate` passes over what `readline` has buffered
    except subprocess.TimeoutExpired:
        return "(it has not ended either)"
