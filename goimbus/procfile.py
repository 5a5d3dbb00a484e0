"""DECIDE what a Procfile asks for: names of process types and their command lines."""

import re
import shlex

Processes = dict[str, tuple[str, ...]]  # the words of each process type's command
_LINE = re.compile(r"(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>.+)")


class ProcfileRefused(ValueError):
    """A line is no `name: command`, or a name comes twice."""

    def __init__(self, number: int, line: str) -> None:
        self.number = number
        self.line = line

    def __str__(self) -> str:
        return f"Procfile line {self.number} is no `name: command` of its own: {self.line}"


def parse_procfile(text: str) -> Processes:
    """Return the command of each process type, as words; empty lines and `#` lines don't count.

    Commands are run without a shell: quotes work, variables and pipes don't. Raises
    ProcfileRefused.
    """
    processes: Processes = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or found["name"] in processes:
            raise ProcfileRefused(number, line)
        try:
            processes[found["name"]] = tuple(shlex.split(found["command"]))
        except ValueError:
            raise ProcfileRefused(number, line) from None
    return processes
