"""`goimbus powercut`: what a power cut costs, with the default and a relaxed setting."""

import json
import os
import sys
import tempfile
from pathlib import Path

import click

from bus.logs import configure_logs
from chaos.errors import ChaosError
from chaos.power_disk import check_power_cut_is_possible
from chaos.powercut import PowerCut, cut_power, unmount_leftovers

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Of publishing before each cut.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1),
    default=400.0,
    show_default=True,
    help="Pushes a second.",
)
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
def command(seconds: float, rate: float, json_file: Path | None) -> None:
    """Cut the power of a private Goimbus's disk, and count what is gone.

    Exit status 1 when the default setting lost something, 2 where it can't be tried (it needs
    root and loop devices).
    """
    configure_logs("powercut", level="critical")
    try:
        check_power_cut_is_possible()
        cuts = [_cut(seconds, rate, relaxed) for relaxed in (False, True)]
    except ChaosError as failed:
        click.echo(f"goimbus powercut: {failed}", err=True)
        sys.exit(2)
    if json_file is not None:
        json_file.write_text(json.dumps([cut.row() for cut in cuts], indent=1) + "\n")
    sys.exit(0 if cuts[0].is_clean else 1)


def _cut(seconds: float, rate: float, relaxed: bool) -> PowerCut:
    with tempfile.TemporaryDirectory(prefix="goimbus-powercut-") as name:
        folder = Path(name)
        try:
            cut = cut_power(folder, dict(os.environ), seconds, rate, relaxed)
        finally:
            unmount_leftovers(folder)
    click.echo(cut.sentence)
    return cut
