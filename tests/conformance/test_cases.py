"""The gateway's WebSocket edge passes the Autobahn cases (RFC 6455), and a failure is told."""

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.cases import SLOW, gateway_under_test, judge, run_cases
from conformance.errors import EchoFailed
from goimbus.__main__ import main

QUICK_CASES = 247  # all of 1 to 7 and 10


def result(case: str, behavior: str = "OK", close: str = "OK") -> Any:
    passed = {behavior, close} <= {"OK", "NON-STRICT", "INFORMATIONAL"}
    verdicts = {"behavior": behavior, "behavior_close": close}
    values = {name: SimpleNamespace(value=value) for name, value in verdicts.items()}
    return SimpleNamespace(case_id=case, passed=passed, result="words", **values)


async def test_every_case_but_the_documented_one_is_passed(nats_url: str) -> None:
    pytest.importorskip("kosoku", reason="the runner has no wheel for this machine")
    with gateway_under_test(nats_url) as url:
        outcome = judge(await run_cases(url, without=SLOW))
    assert outcome.failed == {}
    assert outcome.excepted == ["7.1.5"]
    assert len(outcome.passed) == QUICK_CASES - 1


def test_the_command_runs_chosen_cases_and_says_what_came_of_them() -> None:
    pytest.importorskip("kosoku", reason="the runner has no wheel for this machine")
    ran = CliRunner().invoke(main, ["conformance", "1.1.1", "9.1.1", "7.1.5", "12.1.1"])
    assert ran.exit_code == 0, ran.output
    assert ran.output.startswith(
        "2 passed, 0 failed, 1 excepted, 1 of compression, which is not agreed on"
    )


def test_a_case_that_is_not_passed_fails_the_run_and_is_named() -> None:
    outcome = judge([result("1.1.1"), result("6.4.1", "FAILED"), result("7.1.5", "FAILED")])
    assert not outcome.is_clean
    assert outcome.in_words().splitlines()[0] == "6.4.1: FAILED, OK: words"


def test_compression_that_is_refused_uncleanly_or_taken_half_is_a_failure() -> None:
    outcome = judge(
        [
            result("1.1.1", "NON-STRICT"),
            result("12.1.1", "UNIMPLEMENTED"),
            result("12.1.2", "UNIMPLEMENTED", "FAILED"),
            result("13.1.1", "FAILED"),
            result("2.1", "UNIMPLEMENTED"),
        ]
    )
    assert outcome.refused == ["12.1.1"]
    assert set(outcome.failed) == {"12.1.2", "13.1.1", "2.1"}


def test_a_run_without_a_passed_case_is_not_clean() -> None:
    assert not judge([]).is_clean


def test_a_gateway_that_does_not_come_up_is_told() -> None:
    with (
        pytest.raises(EchoFailed, match="NATS_URL can't be used"),
        gateway_under_test("nats://h:port"),
    ):
        pass
