"""`goimbus storm`: a gateway worker is killed, and all its clients come back at once."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

import click

from bus.connection import Bus
from bus.lifecycle import allow_open_files
from bus.logs import configure_logs
from bus.settings import BusSettings
from chaos.errors import ChaosError
from chaos.instance import Instance, running_instance
from chaos.storm import Place, Storm, StormFigures
from chaos.world import member_token

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--clients", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--missed", type=click.IntRange(min=0), default=5, show_default=True)
@click.option("--half-open", type=click.IntRange(min=0), default=1000, show_default=True)
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
def command(clients: int, missed: int, half_open: int, json_file: Path | None) -> None:
    """Kill a gateway worker of a private Goimbus, and see that its clients get all they missed.

    Exit status 1 when one did not get each message once and in order, 2 when there was no verdict.
    """
    configure_logs("storm", level="error")
    allow_open_files()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="goimbus-storm-") as name,
            running_instance(Path(name), dict(os.environ)) as instance,
        ):
            figures = asyncio.run(_storm(instance, clients, missed, half_open))
    except (ChaosError, TimeoutError) as failed:
        click.echo(f"goimbus storm: {str(failed) or 'it took too long'}", err=True)
        sys.exit(2)
    for key, value in figures.row().items():
        click.echo(f"{key} {value}")
    if json_file is not None:
        json_file.write_text(json.dumps(figures.row(), indent=1) + "\n")
    sys.exit(0 if figures.is_clean else 1)


async def _storm(instance: Instance, clients: int, missed: int, half_open: int) -> StormFigures:
    bus = await Bus.connect(BusSettings(nats_url=instance.nats_url), "storm")
    kill_worker = partial(instance.send_signal, "gateway-1", signal.SIGKILL)
    place = Place(instance.port, instance.tcp_port, kill_worker)
    storm = Storm(place, bus, clients, lambda mid: member_token(instance.secret, mid, ()))
    try:
        await storm.run_storm(missed)
        if half_open:
            await storm.run_crowded(half_open, 0.01)
    finally:
        storm.end()
        await bus.drain()
    return storm.figures
