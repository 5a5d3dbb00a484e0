"""How a run of control actions is judged."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from chaos.control_log import Action, Figures, as_json, percentile

CLEAN = Figures(
    seed=1,
    seconds=2.0,
    clients=4,
    gateways=2,
    frames=10,
    pushes=5,
    longest_lag=0.1,
    actions=(Action("ban", "a://b", 1, 100.0, 100.1, 102.0, [100.05, 101.05], [99.9, 100.2]),),
    asked_events=Counter({("banned", "a://b 1"): 1}),
    heard_events=Counter({("banned", "a://b 1"): 1}),
)


def test_what_comes_too_late_or_not_at_all_is_found() -> None:
    assert CLEAN.is_clean
    late = Action("ban", "a://b", 1, 100.0, 100.1, 102.0, [101.2])
    assert replace(CLEAN, actions=(late,)).forbidden == 1
    assert not replace(CLEAN, heard_events=Counter()).is_clean
    told = json.loads(as_json(CLEAN))
    assert told["last_came_ms"] == {"count": 1, "p50": 1050.0, "p99": 1050.0, "max": 1050.0}
    assert told["last_said_ms"]["max"] == 200.0
    assert told["last_came_ms_by_action"] == {"ban": told["last_came_ms"]}


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentiles_are_nearest_ranks(percent: float, value: float) -> None:
    assert percentile(range(1, 101), percent) == value
    assert percentile([7.0], percent) == 7.0
    assert percentile([], percent) == 0.0
