"""`goimbus control`: bans, mutes, cuts and the like under load: how fast each takes effect."""

import asyncio
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

import click

from bus.logs import configure_logs
from chaos.control import Options, run_control
from chaos.control_log import LIMIT_SECONDS, Figures, as_json
from chaos.errors import ChaosError
from chaos.instance import SETTINGS, running_instance

MOST_SEED = 1_000_000
DEFAULT = Options(0)
# Members log in again and again, all from one address, and their passwords are worth nothing.
VARIABLES = {
    "GOIM_ACCOUNT_NAME_TRIES": "0",
    "GOIM_ACCOUNT_ADDRESS_TRIES": "0",
    "GOIM_ACCOUNT_HASH_KIB": "64",
    "GOIM_ACCOUNT_HASH_ROUNDS": "1",
}


@click.command()
@click.option("--actions", type=click.IntRange(1), default=DEFAULT.actions, show_default=True)
@click.option("--seed", type=int, help="The same seed has the same actions; a random one else.")
@click.option("--rooms", type=click.IntRange(1), default=DEFAULT.rooms, show_default=True)
@click.option("--people", type=click.IntRange(1), default=DEFAULT.people, show_default=True)
@click.option("--devices", type=click.IntRange(1), default=DEFAULT.devices, show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def command(
    actions: int, seed: int | None, rooms: int, people: int, devices: int, json_file: Path | None
) -> None:
    """Run a private Goimbus with two gateways, people who talk, and control actions on them.

    Exit status 1 when something forbidden came after a second, or an event was missing.
    """
    seed = secrets.randbelow(MOST_SEED) if seed is None else seed
    configure_logs("control", level="error")
    options = Options(seed, actions, rooms, people, devices)
    with tempfile.TemporaryDirectory(prefix="goimbus-control-") as folder:
        try:
            figures = _run(options, Path(folder))
        except ChaosError as failed:
            click.echo(f"goimbus control: {failed}", err=True)
            sys.exit(2)
    text = as_json(figures)
    click.echo(text)
    if json_file is not None:
        json_file.write_text(text)
    if not figures.is_clean:
        missing = ", ".join(f"{what} {whom}" for what, whom in figures.missing_events)
        words = f"{figures.forbidden} forbidden after {LIMIT_SECONDS:g} s"
        click.echo(f"{words}; events missing: {missing or 'none'}", err=True)
        sys.exit(1)


def _run(options: Options, folder: Path) -> Figures:
    with running_instance(folder, dict(os.environ), settings=SETTINGS | VARIABLES) as instance:
        keys = json.loads((folder / "data" / "secrets.json").read_text())
        urls = [f"ws://127.0.0.1:{instance.port}/sub", f"tcp://127.0.0.1:{instance.tcp_port}"]
        return asyncio.run(run_control(options, instance.nats_url, keys["GOIM_API_KEY"], urls))
