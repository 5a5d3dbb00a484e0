from pathlib import Path

import pytest

from bench.charts import draw_charts
from bench.report import Case, summarize


def test_each_scenario_becomes_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = [
        summarize(scenario, Case("a case", "ws", load, "in flight"), "frames", "1/s", [1.0], [2.0])
        for scenario in ("fanout", "unicast")
        for load in (1, 80)
    ]
    files = draw_charts(tmp_path, "a machine", results)
    assert [file.name for file in files] == ["fanout.png", "unicast.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
