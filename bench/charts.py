"""EDGE a picture (PNG) of each scenario: its figures over the load, beside their baselines."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import NotMeasurable
from bench.report import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES, HEIGHT_INCHES = 9.0, 4.5  # of one figure's chart
COLORS = 10  # of matplotlib's cycle; beyond, lines are dashed
WIDE_RANGE = 20  # from the smallest to the largest load: then the axis is logarithmic


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

    axes_of = sorted({(one.figure, one.unit, one.load_name) for one in results})
    figure = Figure((WIDTH_INCHES, HEIGHT_INCHES * len(axes_of)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(axes_of), squeeze=False)[:, 0]
    for axis, (name, unit, load_name) in zip(axes, axes_of, strict=True):
        chosen = [one for one in results if (one.figure, one.load_name) == (name, load_name)]
        _draw_figure(axis, chosen)
        axis.set(title=f"{scenario}: {name}", xlabel=load_name, ylabel=unit)
    figure.text(0.01, 0.002, machine, fontsize=6, color="gray")
    figure.savefig(file, dpi=110)


def _draw_figure(axis: "Axes", results: list[Result]) -> None:
    drawn: list[list[tuple[float, float]]] = []
    for number, (series, points) in enumerate(_series(results)):
        color, style = f"C{number % COLORS}", "--" if number >= COLORS else "-"
        loads = [one.load for one in points]
        medians = [one.median for one in points]
        below = [one.median - one.min for one in points]
        above = [one.max - one.median for one in points]
        look: dict[str, Any] = {"color": color, "linestyle": style, "marker": "o", "capsize": 3}
        axis.errorbar(loads, medians, (below, above), label=series, **look)
        floors = [(one.load, one.baseline) for one in points if one.baseline is not None]
        if floors and floors not in drawn:  # other servers have the same floor
            drawn.append(floors)
            axis.plot(*zip(*floors, strict=True), color=color, linestyle=":", marker=".")
    loads = [one.load for one in results]
    if min(loads) > 0 and max(loads) / min(loads) > WIDE_RANGE:
        axis.set_xscale("log")
    if any(one.baseline is not None for one in results):
        axis.plot([], [], color="gray", linestyle=":", label="its baseline")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)


def _series(results: Iterable[Result]) -> list[tuple[str, list[Result]]]:
    found: dict[str, list[Result]] = {}
    for one in results:
        found.setdefault(one.series, []).append(one)
    return [(name, sorted(points, key=lambda one: one.load)) for name, points in found.items()]
