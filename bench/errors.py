"""What ends a benchmark.

BenchError
├── NotMeasurable      the machine or its tools don't allow it
├── PartFailed         a process that is measured, or measures, has ended or said nonsense
└── FiguresUnsound     clients failed, or messages were lost that must not be
"""


class BenchError(Exception):
    """A benchmark can't go on; the words say why."""


class NotMeasurable(BenchError):
    """The machine or its tools don't allow it; `remedy` says what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"


class PartFailed(BenchError):
    """A process has ended or did not do what it should."""

    def __init__(self, part: str, output: str) -> None:
        self.part = part
        self.output = output

    def __str__(self) -> str:
        return f"{self.part} failed:\n{self.output}"


class FiguresUnsound(BenchError):
    """What was measured is not what should be measured."""

    def __init__(self, target: str, problem: str) -> None:
        self.target = target
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.target}: {self.problem}"
