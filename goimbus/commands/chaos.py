"""`goimbus chaos`: proves by faults that nothing is lost or comes twice (docs/chaos.md)."""

import asyncio
import os
import secrets
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from bus.logs import configure_logs
from chaos.errors import ChaosError
from chaos.planted import PLANTS
from chaos.report import as_json, in_words, live_table
from chaos.run import Options, Run, run_chaos

PLANT = "GOIM_CHAOS_PLANT"  # faults of the harness itself, so that a test sees it turn red
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
MOST_SEED = 1_000_000
LINE_EVERY_LOOKS = 10  # where there is no terminal
DEFAULT = Options(0)


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=DEFAULT.seconds, show_default=True)
@click.option("--seed", type=int, help="The same seed has the same faults; a random one else.")
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1),
    default=DEFAULT.rate,
    show_default=True,
    help="Pushes a second.",
)
@click.option("--clients", type=click.IntRange(min=1), default=DEFAULT.clients, show_default=True)
@click.option(
    "--faults",
    type=click.FloatRange(min=0),
    default=DEFAULT.faults_per_minute,
    show_default=True,
    help="Faults a minute.",
)
@click.option("--keep", type=FOLDER, help="Run in this new folder, and keep data and logs.")
def command(
    seconds: float,
    seed: int | None,
    json_file: Path | None,
    rate: float,
    clients: int,
    faults: float,
    keep: Path | None,
) -> None:
    """Run a private Goimbus under faults and judge what its clients got.

    Exit status 1 when a promise was broken, 2 when there was no verdict.
    """
    seed = secrets.randbelow(MOST_SEED) if seed is None else seed
    plant = tuple(name for name in os.environ.get(PLANT, "").split(",") if name)
    if not set(plant) <= set(PLANTS):
        raise click.ClickException(f"{PLANT} may hold {', '.join(PLANTS)}")
    options = Options(seed, seconds, rate, clients, faults, plant=plant)
    if keep is not None and keep.exists():
        raise click.ClickException(f"{keep} exists already")
    holder = tempfile.TemporaryDirectory(prefix="goimbus-chaos-") if keep is None else None
    folder = Path(holder.name) if holder is not None else keep
    assert folder is not None
    click.echo(f"seed {seed}", err=True)
    try:
        with holder or nullcontext():
            clean = _run(options, folder.absolute(), json_file)
    except ChaosError as failed:
        click.echo(f"goimbus chaos: {failed}", err=True)
        sys.exit(2)
    sys.exit(0 if clean else 1)


def _run(options: Options, folder: Path, json_file: Path | None) -> bool:
    """Run it and tell the verdict; True when every promise came true."""
    console = Console(stderr=True)
    configure_logs("chaos", level="error")
    with Live(console=console, auto_refresh=False, transient=True) as live:
        show = Display(live, console.is_terminal)
        figures, verdict = asyncio.run(run_chaos(options, folder, dict(os.environ), show.look))
    if json_file is not None:
        json_file.write_text(as_json(figures, verdict))
    click.echo(in_words(figures, verdict))
    return verdict.is_clean and figures.is_clean


class Display:
    """The live table, or a line now and then where there is no terminal."""

    def __init__(self, live: Live, is_terminal: bool) -> None:
        self._live = live
        self._is_terminal = is_terminal
        self._looks = 0

    def look(self, run: Run) -> None:
        """Show how it goes."""
        rows = {
            "time": f"{run.elapsed:.0f} of {run.options.seconds:.0f} s, {run.phase}",
            "published": f"{len(run.ledger.messages)}, {len(run.ledger.acked)} acknowledged",
            "stored": str(run.witness.stored),
            "frames": str(run.world.pulse.frames),
            "clients": f"{run.clients.online} of {run.options.clients} online",
            "longest pause": f"{run.world.pulse.longest_pause:.1f} s",
        }
        if self._is_terminal:
            faults = list(run.faults.last)
            self._live.update(live_table(rows, run.figures.memory, faults), refresh=True)
        elif self._looks % LINE_EVERY_LOOKS == 0:
            click.echo("; ".join(f"{name} {value}" for name, value in rows.items()), err=True)
        self._looks += 1
