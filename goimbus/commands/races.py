"""`goimbus races`: what is published while its member is on its way arrives once."""

import asyncio
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

import click

from bus.connection import Bus
from bus.logs import configure_logs
from bus.settings import BusSettings
from chaos.errors import ChaosError
from chaos.instance import Instance, running_instance
from chaos.racer import Place
from chaos.races import RaceFigures, run_races
from chaos.world import member_token

FILE = click.Path(dir_okay=False, path_type=Path)
MOST_SEED = 1_000_000
FIRST_MID = 1


@click.command()
@click.option("--count", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--seed", type=int, help="Who does what when; a random one else.")
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
def command(count: int, seed: int | None, json_file: Path | None) -> None:
    """Publish to members that are between two gateways, logging in, or catching up.

    Exit status 1 when a message did not arrive once and in order, 2 when there was no verdict.
    """
    configure_logs("races", level="error")
    seed = secrets.randbelow(MOST_SEED) if seed is None else seed
    try:
        with (
            tempfile.TemporaryDirectory(prefix="goimbus-races-") as name,
            running_instance(Path(name), dict(os.environ)) as instance,
        ):
            figures = asyncio.run(_race(instance, count, seed))
    except (ChaosError, TimeoutError) as failed:
        click.echo(f"goimbus races: {str(failed) or 'nobody can log in'}", err=True)
        sys.exit(2)
    click.echo(figures.sentence)
    for finding in figures.findings[:5]:
        click.echo(f"  {finding}")
    if json_file is not None:
        json_file.write_text(json.dumps(figures.row(), indent=1) + "\n")
    sys.exit(0 if figures.is_clean else 1)


async def _race(instance: Instance, count: int, seed: int) -> RaceFigures:
    def token_of(mid: int, room: str) -> str:
        return member_token(instance.secret, mid, (room,))

    bus = await Bus.connect(BusSettings(nats_url=instance.nats_url), "races")
    try:
        ports = {"ws": instance.port, "tcp": instance.tcp_port}
        return await run_races(Place(bus, ports, token_of), count, seed, FIRST_MID)
    finally:
        await bus.drain()
