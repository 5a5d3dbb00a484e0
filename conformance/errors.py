"""What ends a run of the cases before its verdict.

ConformanceError
├── RunnerMissing      kosoku is not there
├── EchoFailed         the gateway under test did not come up
└── ApiCheckerMissing  schemathesis is not there
"""


class ConformanceError(Exception):
    """There is no verdict; the words say why."""


class RunnerMissing(ConformanceError):
    """The runner of the cases is not installed."""

    def __str__(self) -> str:
        return (
            "the cases are run by kosoku, which has no wheel for this machine:"
            " there are some for Linux on x86-64 and for macOS on arm64"
        )


class EchoFailed(ConformanceError):
    """The gateway under test has ended or did not say where it listens."""

    def __init__(self, output: str) -> None:
        self.output = output

    def __str__(self) -> str:
        return f"the gateway under test did not come up:\n{self.output}"


class ApiCheckerMissing(ConformanceError):
    """The program that tries the HTTP API is not installed."""

    def __str__(self) -> str:
        return "the HTTP API is tried by schemathesis: './dev check --no-tests' installs it"
