"""The connection to Redis: one round trip, one kind of failure."""

from dataclasses import replace
from pathlib import Path

import pytest

from bus.environment import Secret
from router.errors import PresenceAway
from router.redis_link import RedisLink
from router.settings import PresenceSettings


async def test_commands_are_answered_in_one_round_trip(redis: RedisLink, prefix: str) -> None:
    answers = await redis.run([("SET", prefix, "1"), ("GET", prefix), ("DEL", prefix)])
    assert answers == [True, b"1", 1]
    assert redis.round_trips == 1


async def test_a_command_that_redis_refuses_is_a_failure_with_its_kind(redis: RedisLink) -> None:
    with pytest.raises(PresenceAway) as away:
        await redis.run_one("NOSUCH")
    assert away.value.code == 503
    assert redis.failures == 1


async def test_after_a_failure_it_cools_for_a_moment(tmp_path: Path) -> None:
    redis = RedisLink(PresenceSettings(redis_url=Secret(f"unix://{tmp_path}/none.sock")))
    assert not redis.cooling()
    with pytest.raises(PresenceAway):
        await redis.run_one("PING")
    assert redis.cooling()
    assert [reading[4][0][1] for reading in redis.readings()] == [0, 1, 0]
    await redis.close()


async def test_an_unverified_certificate_is_a_setting(presence_settings: PresenceSettings) -> None:
    url = Secret("rediss://redis.example:6380")
    for verify, expected in ((True, "required"), (False, "none")):
        settings = replace(presence_settings, redis_url=url, redis_verify=verify)
        redis = RedisLink(settings)
        options = redis._pool.connection_kwargs
        assert options.get("ssl_cert_reqs", "required") == expected
        await redis.close()
