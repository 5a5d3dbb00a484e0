"""Which limits refuse and which only count."""

import pytest
import structlog

from bus.environment import Environment
from bus.errors import SettingsRefused
from bus.limits import OF_GATEWAY, OF_ROUTER, Excess, LimitModes
from bus.metrics import Metrics


def modes(value: str) -> LimitModes:
    environment = Environment({"GOIM_LIMITS": value})
    read = LimitModes.read(environment)
    environment.check()
    return read


@pytest.mark.parametrize(
    ("value", "dry"),
    [
        ("", set()),
        ("enforce", set()),
        ("dry-run", {*OF_GATEWAY, *OF_ROUTER}),
        ("enforce, room_messages=dry-run,key_pushes = dry-run", {"room_messages", "key_pushes"}),
        ("dry-run, member_casts=enforce", {*OF_GATEWAY, *OF_ROUTER} - {"member_casts"}),
        ("room_messages=dry-run", {"room_messages"}),
    ],
)
def test_the_setting_is_for_all_limits_or_for_one(value: str, dry: set[str]) -> None:
    assert {one for one in OF_GATEWAY + OF_ROUTER if modes(value).is_dry(one)} == dry


@pytest.mark.parametrize(
    "value", ["dry", "room_messages=off", "rooms=dry-run", "=dry-run", "a=b=c"]
)
def test_a_value_that_means_nothing_stops_the_start(value: str) -> None:
    with pytest.raises(SettingsRefused, match="GOIM_LIMITS must be enforce or dry-run"):
        modes(value)


def test_what_is_over_is_refused_or_only_counted_and_logged_by_name() -> None:
    excess = Excess(modes("room_messages=dry-run"), OF_ROUTER, "goim_router_")
    with structlog.testing.capture_logs() as logs:
        told = [excess.refuses(one) for one in ("room_messages", "room_messages", "member_casts")]
    assert told == [False, False, True]
    (event,) = logs
    assert event["event"] == "limit_exceeded_in_dry_run"
    assert event["limit"] == "room_messages"
    metrics = Metrics()
    metrics.add(excess.readings)
    text = metrics.render().decode()
    name = "goim_router_limit_exceeded_total"
    assert f'{name}{{limit="room_messages",mode="dry-run"}} 2.0' in text
    assert f'{name}{{limit="member_casts",mode="enforce"}} 1.0' in text
    assert f'{name}{{limit="member_messages",mode="enforce"}} 0.0' in text
