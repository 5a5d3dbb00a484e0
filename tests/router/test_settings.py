"""The router's settings from the environment."""

import pytest

from bus.environment import Environment
from bus.errors import SettingsRefused
from router.settings import Settings


def read(**variables: str) -> Settings:
    environment = Environment(variables)
    settings = Settings.read(environment)
    environment.check()
    return settings


def test_without_variables_the_defaults_hold() -> None:
    assert read() == Settings()


def test_variables_set_what_they_name() -> None:
    settings = read(
        REDIS_URL="rediss://:secret@redis.example:6380/1",
        GOIM_REDIS_VERIFY="0",
        GOIM_LEASE_SECONDS="20",
        GOIM_PUBLISH_GROUP_SECONDS="0.005",
        GOIM_PUSH_MAX_BYTES="500",
        GOIM_NODE_DOMAIN="conn.goim.io",
        GOIM_NODE_TCP_PORT="3101",
        GOIM_HEARTBEAT_SECONDS="30",
        GOIM_BACKOFF_JITTER="0.5",
        GOIM_MAX_BODY_BYTES="100",
        GOIM_POLICIES="policies.json",
    )
    assert settings.presence.redis_url == "rediss://:secret@redis.example:6380/1"
    assert not settings.presence.redis_verify
    assert settings.presence.lease_seconds == 20
    assert settings.publisher.group_seconds == 0.005
    assert settings.push.body_bytes == 500
    assert (settings.nodes.domain, settings.nodes.tcp_port) == ("conn.goim.io", 3101)
    assert (settings.nodes.heartbeat_seconds, settings.nodes.backoff_jitter) == (30, 0.5)
    assert (settings.max_body_bytes, settings.policies_file) == (100, "policies.json")


def test_the_password_of_redis_is_not_printed() -> None:
    assert "secret" not in repr(read(REDIS_URL="redis://:secret@redis.example"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://redis.example"),
        ("GOIM_REDIS_VERIFY", "maybe"),
        ("GOIM_LEASE_SECONDS", "0"),
        ("GOIM_PUBLISH_BATCH_MOST", "1001"),
        ("GOIM_PUBLISH_BATCH_FROM", "1"),
        ("GOIM_PUSH_MAX_TARGETS", "x"),
        ("GOIM_NODE_WS_PORT", "70000"),
        ("GOIM_BACKOFF_FACTOR", "0.5"),
    ],
)
def test_a_value_that_can_not_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        read(**{name: value})
    assert [problem.split()[0] for problem in refused.value.problems] == [name]
