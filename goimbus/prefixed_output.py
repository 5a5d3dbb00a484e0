"""EDGE the terminal of `goimbus up`: each line begins with the name of the part that says it."""

import os
import sys

import click

COLORS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")
NAME_WIDTH = 8


class PrefixedOutput:
    """Writes lines to standard output; when nobody reads them any more it drops them."""

    def __init__(self) -> None:
        self._colors: dict[str, str] = {}

    def say(self, name: str, words: str) -> None:
        """Write the lines of `words`, each after `name`."""
        color = self._colors.setdefault(name, COLORS[len(self._colors) % len(COLORS)])
        prefix = click.style(f"{name:{NAME_WIDTH}} |", fg=color)
        try:
            for line in words.splitlines() or [""]:
                click.echo(f"{prefix} {line}")
        except OSError:  # EPIPE, or EIO of a closed terminal: the parts run on
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
