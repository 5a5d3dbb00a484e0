"""`python -m goimbus NAME ...`: runs the command in `commands/<name>.py`."""

import importlib
import pkgutil

import click

from goimbus import commands


class Commands(click.Group):
    """One command a file in `commands/`, imported when used: its name is `command` there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the files."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name; None when there is no such file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        command: click.Command = module.command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Goimbus: goim's IM push protocol on NATS."""


if __name__ == "__main__":
    main(prog_name="goimbus")
