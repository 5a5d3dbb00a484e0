"""Run a target under atheris: `python -m tests.fuzz.<target> CORPUS -runs=1000000`.

    pip install atheris    # not in the locks; Linux and macOS

Arguments are libFuzzer's; docs/conformance.md has a line for each target.
"""

import gc
import sys
from collections.abc import Callable
from types import FunctionType

# What is watched for new paths; watching all that is loaded would take minutes to begin.
WATCHED = ("auth", "bus", "gateway", "json", "schemas", "tests", "urllib")


def fuzz(check_input: Callable[[bytes], None]) -> None:
    """Try inputs until told to stop, or until one raises."""
    import atheris  # type: ignore[import-untyped]

    for one in gc.get_objects():
        if isinstance(one, FunctionType) and (one.__module__ or "").split(".")[0] in WATCHED:
            atheris.instrument_func(one)
    atheris.Setup(sys.argv, check_input)
    atheris.Fuzz()
