"""`goimbus bench`: measures the whole system beside what bounds it (docs/benchmarks.md)."""

import os
import sys
from pathlib import Path

import click

from bench.charts import check_charts, draw_charts
from bench.context import Bench, Options, pin_to
from bench.cores import share_cores
from bench.errors import NotMeasurable
from bench.processes import describe_machine
from bench.report import as_json, table
from bench.runner import names, run_scenarios
from bench.sink_build import build_sink

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("scenario", nargs=-1, type=click.Choice(names()))
@click.option("--json", "json_file", type=FILE, help="Write the figures there.")
@click.option("--chart", "chart_folder", type=FOLDER, help="Draw each scenario as a PNG there.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=3.0,
    show_default=True,
    help="How long one measurement takes.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How often each is done; the median counts.",
)
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    default=18_000,
    show_default=True,
    help="The most to use; cases with more are run with so many.",
)
@click.option(
    "--goim",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with goim's comet, to measure it in turns with ours.",
)
@click.option(
    "--centrifugo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Centrifugo's binary, likewise.",
)
def command(
    scenario: tuple[str, ...],
    json_file: Path | None,
    chart_folder: Path | None,
    seconds: float,
    repeats: int,
    connections: int,
    goim: Path | None,
    centrifugo: Path | None,
) -> None:
    """Measure SCENARIO ... (all of them without a name), each on a system of its own.

    The gateway has one core for itself, the load client another one. Next to each figure stands
    its baseline, measured in turns with it.
    """
    options = Options(seconds, repeats, connections, goim, centrifugo)
    machine = describe_machine()
    try:
        bench = _prepare(options, charts=chart_folder is not None)
    except NotMeasurable as refused:
        raise click.ClickException(str(refused)) from refused
    failed = run_scenarios(bench, scenario)
    click.echo(f"{machine}\n{table(bench.results)}")
    if json_file is not None:
        json_file.write_text(as_json(machine, bench.results))
    if chart_folder is not None:
        for file in draw_charts(chart_folder, machine, bench.results):
            click.echo(file)
    if failed:
        raise click.ClickException(f"not measured to the end: {', '.join(failed)}")


def _prepare(options: Options, charts: bool) -> Bench:
    """Check that everything is there, then keep this process off the gateway's core."""
    if sys.platform != "linux":
        raise NotMeasurable("processes are pinned and watched as Linux does it", "use Linux")
    if charts:
        check_charts()
    cores = share_cores(os.sched_getaffinity(0))
    sink = build_sink(os.environ)
    pin_to(cores.others)
    return Bench(options, cores, sink, dict(os.environ), _say)


def _say(words: str) -> None:
    click.echo(words, err=True)
