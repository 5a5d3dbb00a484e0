from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import runner
from bench.context import Bench, Options
from bench.cores import share_cores
from bench.errors import FiguresUnsound
from bench.report import Case


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def bench(said: list[str]) -> Bench:
    options = Options(repeats=2, most_connections=5000)
    return Bench(options, share_cores({0, 1}), Path("sink"), {}, said.append)


def test_all_scenarios_are_known_and_in_order() -> None:
    assert runner.names()[:3] == ["fanout", "unicast", "latency"]
    assert set(runner.names()) == set(runner.ORDER)


def test_a_scenario_that_fails_does_not_keep_the_next_from_running(
    bench: Bench, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def run(bench: Bench) -> None:
        ran.append(bench.scenario)
        if bench.scenario == "idle":
            raise FiguresUnsound("goimbus", "messages are missing")

    monkeypatch.setattr("importlib.import_module", lambda name: SimpleNamespace(run=run))
    assert runner.run_scenarios(bench, ["idle", "storm"]) == ["idle"]
    assert ran == ["idle", "storm"]
    assert "idle failed: goimbus: messages are missing" in said


def test_connections_are_never_more_than_may_be_used(bench: Bench) -> None:
    assert bench.counts(1000, 10_000, 18_000) == [1000, 5000]


def test_figures_of_other_servers_stand_under_their_names_beside_the_same_floor(
    bench: Bench,
) -> None:
    case = Case("1 ws", "ws", 1, "connections")
    found = {"goimbus": [2.0, 2.0], "raw os.write": [4.0, 4.0], "goim": [1.0, 1.0]}
    bench.add(case, "frames", "1/s", found)
    assert [(one.case, one.median, one.ratio) for one in bench.results] == [
        ("1 ws", 2.0, 0.5),
        ("1 ws (goim)", 1.0, 0.25),
    ]
