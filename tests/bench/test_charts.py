from pathlib import Path

import pytest

from bench.charts import draw_charts
from bench.report import Case, Result, summarize


def results_of(case: Case) -> list[Result]:
    return [
        summarize(scenario, case, "frames", "1/s", [1.0], [2.0])
        for scenario in ("fanout", "unicast")
    ]


def test_each_scenario_becomes_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cases = [Case("a case", "ws", load, "in flight") for load in (1, 80)]
    results = sorted(
        [one for case in cases for one in results_of(case)], key=lambda one: one.scenario
    )
    files = draw_charts(tmp_path, "a machine", results)
    assert [file.name for file in files] == ["fanout.png", "unicast.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_each_way_of_measuring_several_servers_has_a_panel_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("matplotlib.image")
    ways = [Case(f"1000 {way}", way, 1, "in flight") for way in ("ws", "tcp", "quic")]
    alone = [results_of(way)[0] for way in ways]
    beside = [results_of(way.of("goim"))[0] for way in ways]
    widths = []
    for results in (alone, alone + beside):
        (file,) = draw_charts(tmp_path, "a machine", results)
        widths.append(image.imread(file).shape[1])
    assert widths[1] == widths[0] / 2 * 3
