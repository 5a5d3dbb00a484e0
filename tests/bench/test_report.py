import json

import pytest

from bench.report import Case, as_json, figure_text, summarize, table

CASE = Case("1000 ws, 4 in flight, stored", "1000 ws stored", 4, "messages in flight")


def test_a_result_has_the_median_and_the_spread_of_its_samples() -> None:
    result = summarize("fanout", CASE, "frames", "1/s", [30.0, 10.0, 20.0])
    assert (result.median, result.min, result.max) == (20.0, 10.0, 30.0)
    assert result.baseline is None
    assert result.ratio is None


def test_a_ratio_is_the_median_of_each_rounds_own() -> None:
    result = summarize("fanout", CASE, "frames", "1/s", [90.0, 40.0, 10.0], [100.0, 50.0, 100.0])
    assert result.ratio == pytest.approx(0.8)
    assert result.baseline == 100.0


def test_a_round_whose_baseline_is_nothing_has_no_ratio() -> None:
    assert summarize("fanout", CASE, "frames", "1/s", [1.0, 6.0], [0.0, 3.0]).ratio == 2.0


def test_samples_without_their_rounds_baselines_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        summarize("fanout", CASE, "frames", "1/s", [1.0, 2.0], [1.0])


def test_json_holds_the_machine_and_each_figure() -> None:
    result = summarize("fanout", CASE, "frames", "1/s", [123456.789], [61728.3945])
    assert json.loads(as_json("a machine", [result])) == {
        "machine": "a machine",
        "results": [
            {
                "scenario": "fanout",
                "case": "1000 ws, 4 in flight, stored",
                "figure": "frames",
                "unit": "1/s",
                "median": 123460.0,
                "min": 123460.0,
                "max": 123460.0,
                "baseline": 61728.0,
                "ratio": 2.0,
            }
        ],
    }


def test_a_case_of_another_server_names_it() -> None:
    assert CASE.of("goim").words == "1000 ws, 4 in flight, stored (goim)"
    assert (CASE.of("goim").series, CASE.of("goim").server) == (CASE.series, "goim")


def test_the_table_has_a_line_for_each_figure() -> None:
    results = [
        summarize("fanout", CASE, "frames", "1/s", [123456.0], [100000.0]),
        summarize("fanout", CASE, "frames in one write", "", [1.5]),
    ]
    head, first, second = table(results).splitlines()
    assert head.split()[:4] == ["scenario", "case", "figure", "median"]
    assert first.endswith("123,456  123,456 - 123,456   100,000   1.23")
    assert second.endswith("frames in one write     1.50        1.50 - 1.50")


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.8, "1,234,568"), (12.34, "12.3"), (0.126, "0.13"), (0, "0.00")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure_text(value) == text
