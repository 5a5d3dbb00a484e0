"""DECIDE what the samples of a scenario amount to: medians, spread, and the ratio to a baseline."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

FIELDS = ("scenario", "case", "figure", "unit", "median", "min", "max", "baseline", "ratio")


@dataclass(frozen=True, slots=True)
class Case:
    """What was measured: in words, and where it stands in the scenario's chart."""

    words: str  # such as "1000 ws, 4 in flight, stored"
    series: str  # the way that it was measured, the same for all servers
    load: float  # its place on the horizontal axis
    load_name: str  # what that axis is
    server: str = "Goimbus"

    def of(self, target: str) -> "Case":
        """Return the same case, measured on another server."""
        return replace(self, words=f"{self.words} ({target})", server=target)


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of one case over all rounds; `ratio` is the median of each round's own ratio."""

    scenario: str
    case: str
    figure: str
    unit: str
    median: float
    min: float
    max: float
    baseline: float | None
    ratio: float | None
    series: str
    load: float
    load_name: str
    server: str


def summarize(
    scenario: str,
    case: Case,
    figure: str,
    unit: str,
    samples: Sequence[float],
    baselines: Sequence[float] = (),
) -> Result:
    """Return the result of the rounds' samples; `baselines` hold as many, or none."""
    pairs = zip(samples, baselines, strict=True) if baselines else ()
    ratios = [one / other for one, other in pairs if other]
    return Result(
        scenario,
        case.words,
        figure,
        unit,
        median=median(samples),
        min=min(samples),
        max=max(samples),
        baseline=median(baselines) if baselines else None,
        ratio=median(ratios) if ratios else None,
        series=case.series,
        load=case.load,
        load_name=case.load_name,
        server=case.server,
    )


def as_json(machine: str, results: Iterable[Result]) -> str:
    """Return the results as they are written to a file."""
    rows = [{name: _rounded(getattr(result, name)) for name in FIELDS} for result in results]
    return json.dumps({"machine": machine, "results": rows}, indent=1) + "\n"


def table(results: Sequence[Result]) -> str:
    """Return the results as text, a line each."""
    head = ("scenario", "case", "figure", "median", "min - max", "baseline", "ratio")
    rows = [head, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for row in rows:
        words = [text.ljust(width) for text, width in zip(row[:3], widths[:3], strict=True)]
        figures = [text.rjust(width) for text, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join([*words, *figures]).rstrip())
    return "\n".join(lines)


def one_line(result: Result) -> str:
    """Return a result as it is told while the benchmark runs."""
    words = f"{result.case}: {result.figure} {figure_text(result.median)} {result.unit}"
    if result.baseline is not None and result.ratio is not None:
        words += f", baseline {figure_text(result.baseline)}, ratio {result.ratio:.2f}"
    return words


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.scenario,
        result.case,
        f"{result.figure} ({result.unit})" if result.unit else result.figure,
        figure_text(result.median),
        f"{figure_text(result.min)} - {figure_text(result.max)}",
        "" if result.baseline is None else figure_text(result.baseline),
        "" if result.ratio is None else f"{result.ratio:.2f}",
    )


def figure_text(value: float) -> str:
    """Return a figure with three or more digits, and commas."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _rounded(value: object) -> object:
    return float(f"{value:.5g}") if isinstance(value, float) else value
