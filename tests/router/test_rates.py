"""Rates over several routers on a real Valkey, and on one without it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bus.environment import Secret
from router.admission import Bucket
from router.rates import LOCAL_BUCKETS, Rates
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings


async def take(rates: Rates, *buckets: Bucket) -> list[float]:
    """Take one token from each, all asked in one turn of the loop."""
    waits: list[float] = []
    done = asyncio.get_running_loop().create_future()

    def note(wait: float) -> None:
        waits.append(wait)
        if len(waits) == len(buckets):
            done.set_result(None)

    for bucket in buckets:
        rates.take(bucket, note)
    await done
    return waits


@pytest.fixture
async def make_rates(
    redis: RedisLink, presence_keys: PresenceKeys
) -> AsyncIterator[Callable[[], Rates]]:
    made: list[Rates] = []

    def make() -> Rates:
        made.append(Rates(redis, presence_keys))
        return made[-1]

    yield make
    for rates in made:
        rates.close()


async def test_a_burst_is_given_and_then_the_rate_over_all_routers(
    make_rates: Callable[[], Rates],
) -> None:
    one, other = make_rates(), make_rates()
    bucket = Bucket("live:7", 60.0, 4)
    assert await take(one, bucket, bucket) == [0, 0]
    assert await take(other, bucket, bucket) == [0, 0]
    (wait,) = await take(one, bucket)
    assert 59 < wait <= 60
    assert one.counts == {"rates_taken": 2, "rates_exceeded": 1}


async def test_members_and_types_have_buckets_of_their_own(
    make_rates: Callable[[], Rates],
) -> None:
    rates = make_rates()
    buckets = [Bucket(name, 60.0, 1) for name in ("live:7", "live:8", "game:7", "live:7")]
    waits = await take(rates, *buckets)
    assert waits[:3] == [0, 0, 0]
    assert waits[3] > 0


async def test_a_bucket_that_is_full_again_is_not_kept(
    make_rates: Callable[[], Rates], redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    await take(make_rates(), Bucket("live:7", 2.0, 20))
    left = await redis.run_one("PTTL", presence_keys.rate("live:7"))
    assert 0 < left <= 2002


async def test_many_questions_are_answered_in_their_order(
    make_rates: Callable[[], Rates],
) -> None:
    waits = await take(make_rates(), *(Bucket("live:7", 60.0, 700) for _ in range(1300)))
    assert [wait > 0 for wait in waits] == [False] * 700 + [True] * 600


async def test_without_redis_one_router_keeps_the_rate_alone(tmp_path: Path, prefix: str) -> None:
    settings = PresenceSettings(redis_url=Secret(f"unix://{tmp_path}/none.sock"))
    redis = RedisLink(settings)
    rates = Rates(redis, PresenceKeys(prefix))
    bucket = Bucket("live:7", 60.0, 2)
    waits = await take(rates, bucket, bucket, bucket)
    assert waits[:2] == [0, 0]
    assert 59 < waits[2] < 60.001
    failures = redis.failures
    assert (await take(rates, bucket))[0] > 0
    assert redis.failures == failures
    assert rates.counts["rates_local"] == 4
    rates.close()
    await redis.close()


async def test_local_buckets_are_bounded(tmp_path: Path, prefix: str) -> None:
    settings = PresenceSettings(redis_url=Secret(f"unix://{tmp_path}/none.sock"))
    redis = RedisLink(settings)
    rates = Rates(redis, PresenceKeys(prefix))
    buckets = [Bucket(f"live:{number}", 60.0, 1) for number in range(LOCAL_BUCKETS + 500)]
    await take(rates, *buckets)
    assert len(rates._local) == LOCAL_BUCKETS
    rates.close()
    await redis.close()
