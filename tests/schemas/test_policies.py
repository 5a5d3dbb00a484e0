import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policies import BUILT_IN, DEFAULT, MAX_NUMBER, Policy, PolicyRefused, parse_policy

LIVE = BUILT_IN["live"]


def test_what_is_not_named_stays_as_in_the_base() -> None:
    policy = parse_policy("chat", {"retain_messages": 5, "send": "nobody"})
    assert policy == Policy(retain_messages=5, send="nobody")
    assert parse_policy("live", {"keep": False}, LIVE).open is True


@pytest.mark.parametrize("policy", [DEFAULT, *BUILT_IN.values()])
def test_a_policy_written_out_parses_to_itself(policy: Policy) -> None:
    assert parse_policy("any", asdict(policy)) == policy


@pytest.mark.parametrize(
    "values",
    [
        {"unknown": 1},
        {"keep": 1},
        {"keep": "yes"},
        {"keep": None},
        {"retain_messages": -1},
        {"retain_messages": True},
        {"retain_messages": 1.5},
        {"retain_messages": "10"},
        {"retain_messages": MAX_NUMBER + 1},
        {"send": "everyone"},
        {"send": 1},
        {"send_per_second": -0.1},
        {"send_per_second": float("nan")},
        {"send_per_second": float("inf")},
        {"send_per_second": False},
        {"admit": "maybe"},
        {"admit_seconds": 31},
        {"room_burst": 1.5},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_name(values: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused) as caught:
        parse_policy("chat", values)
    assert caught.value.name in values
    assert "'chat'" in str(caught.value)


@pytest.mark.parametrize("values", [[], "keep", 7, None])
def test_a_policy_that_is_no_object_is_refused(values: Any) -> None:
    with pytest.raises(PolicyRefused):
        parse_policy("chat", values)


def test_a_whole_number_does_for_a_rate() -> None:
    assert parse_policy("chat", {"send_per_second": 3}).send_per_second == 3


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(values=st.dictionaries(st.sampled_from([*asdict(DEFAULT), "other"]), json_values))
def test_any_json_gives_a_policy_or_a_refusal(values: dict[str, Any]) -> None:
    try:
        policy = parse_policy("chat", values)
    except PolicyRefused:
        return
    assert asdict(policy) == asdict(DEFAULT) | values


def test_the_document_has_every_policy_with_its_defaults() -> None:
    text = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| .+ \|$", text, re.MULTILINE)
    documented = {name: (default, live) for name, default, live in rows}
    policies = [asdict(DEFAULT), asdict(LIVE)]
    assert documented == {name: tuple(told(one[name]) for one in policies) for name in policies[0]}


def told(value: Any) -> str:
    """Return a value as the document writes it."""
    if isinstance(value, str):
        return f"`{value}`"
    return str(value).lower() if isinstance(value, bool) else str(int(value))
