"""EDGE a picture (PNG) of each scenario: its figures over the load, beside their baselines.

A row of panels for each figure. Where several servers were measured, each way of measuring has a
panel and each server a line; else each way has a line.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import NotMeasurable
from bench.report import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES, HEIGHT_INCHES = 4.0, 3.2  # of one panel
COLORS = 10  # of matplotlib's cycle
MARKERS = "os^Dv<>"
WIDE_RANGE = 20  # from the smallest to the largest value: then the axis is logarithmic
OWN = "Goimbus"
BASELINE = "its baseline"


def check_charts() -> None:
    """Raise NotMeasurable when there is nothing to draw with."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise NotMeasurable(
            "charts are drawn by matplotlib, which is not installed",
            "it comes with the developers' requirements: './dev check --no-tests' installs them",
        ) from None


def draw_charts(folder: Path, machine: str, results: Sequence[Result]) -> list[Path]:
    """Write `<scenario>.png` for each scenario and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for scenario, of_scenario in groupby(results, lambda one: one.scenario):
        file = folder / f"{scenario}.png"
        _draw(file, scenario, machine, list(of_scenario))
        files.append(file)
    return files


def _draw(file: Path, scenario: str, machine: str, results: list[Result]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys((one.figure, one.unit, one.load_name) for one in results))
    beside = len({one.server for one in results}) > 1
    panels = list(dict.fromkeys(one.series for one in results)) if beside else [""]
    size = WIDTH_INCHES * max(2, len(panels)), HEIGHT_INCHES * len(rows)
    figure = Figure(size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), len(panels), squeeze=False, sharey="row")
    names = list(dict.fromkeys(_line_of(one, beside) for one in results))
    colors = {name: f"C{number % COLORS}" for number, name in enumerate(names)}
    for row, (name, unit, load_name) in zip(axes, rows, strict=True):
        for axis, series in zip(row, panels, strict=True):
            chosen = [
                one
                for one in results
                if (one.figure, one.load_name) == (name, load_name)
                and (not beside or one.series == series)
            ]
            if not chosen:
                axis.set_axis_off()
                continue
            _draw_figure(axis, chosen, beside, colors)
            axis.set(title=series, xlabel=load_name)
        row[0].set_ylabel(f"{name} ({unit})")
        _scale(row[0], [one for one in results if (one.figure, one.load_name) == (name, load_name)])
    lines = {line.get_label(): line for axis in axes.flat for line in axis.get_lines()}
    shown = [label for label in (*names, BASELINE) if label in lines]
    figure.legend([lines[label] for label in shown], shown, loc="outside right upper", fontsize=8)
    figure.suptitle(f"{scenario} ({machine})", fontsize=9, x=0.01, ha="left")
    figure.savefig(file, dpi=110)


def _draw_figure(axis: "Axes", results: list[Result], beside: bool, colors: dict[str, str]) -> None:
    lines: dict[str, list[Result]] = {}
    for one in sorted(results, key=lambda one: one.load):
        lines.setdefault(_line_of(one, beside), []).append(one)
    for number, (name, points) in enumerate(lines.items()):
        loads = [one.load for one in points]
        look: dict[str, Any] = {"color": colors[name], "marker": MARKERS[number % len(MARKERS)]}
        axis.plot(loads, [one.median for one in points], label=name, **look)
        axis.vlines(loads, [one.min for one in points], [one.max for one in points], colors[name])
        floors = [(one.load, one.baseline) for one in points if one.baseline is not None]
        if floors and (name == OWN or not beside):  # other servers have the same floor
            color = "gray" if beside else colors[name]
            axis.plot(*zip(*floors, strict=True), color=color, linestyle=":", label=BASELINE)
    loads = sorted({one.load for one in results})
    if min(loads) > 0 and max(loads) > min(loads):
        axis.set_xscale("log")
    axis.set_xticks(loads, [f"{load:,.0f}" for load in loads])
    axis.minorticks_off()
    axis.grid(alpha=0.3)


def _scale(axis: "Axes", results: list[Result]) -> None:
    """Set the vertical axis of a row, which its panels share."""
    values = [one.median for one in results]
    values += [one.baseline for one in results if one.baseline is not None]
    if min(values) > 0 and max(values) / min(values) > WIDE_RANGE:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)


def _line_of(result: Result, beside: bool) -> str:
    return result.server if beside else result.series
