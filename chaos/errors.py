"""What ends a chaos run before its verdict.

ChaosError
├── InstanceFailed     the private Goimbus did not start, or ended by itself
└── NotPossible        this machine does not allow it; the words say what is missing
"""


class ChaosError(Exception):
    """A run can't go on; the words say why."""


class InstanceFailed(ChaosError):
    """The private Goimbus did not come up, or its supervisor has ended."""

    def __init__(self, problem: str, output: str) -> None:
        self.problem = problem
        self.output = output

    def __str__(self) -> str:
        return f"{self.problem}:\n{self.output}"


class NotPossible(ChaosError):
    """This machine does not allow it; `remedy` says what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"
