"""Rates over several routers on a real Valkey, and on one without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from bus.environment import Secret
from bus.limits import MEMBER_MESSAGES, ROOM_MESSAGES, LimitModes
from router.admission import Bucket
from router.errors import RateExceeded
from router.rates import LOCAL_BUCKETS, Rates
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings


async def take_all(rates: Rates, *asked: Sequence[Bucket]) -> list[RateExceeded | None]:
    """Take tokens for several messages, all asked in one turn of the loop."""
    told: list[RateExceeded | None] = []
    done = asyncio.get_running_loop().create_future()

    def note(exceeded: RateExceeded | None) -> None:
        told.append(exceeded)
        if len(told) == len(asked):
            done.set_result(None)

    for buckets in asked:
        rates.take(buckets, note)
    await done
    return told


async def take(rates: Rates, *buckets: Bucket) -> list[float]:
    """Take one token from each for a message of its own, and return the seconds to wait."""
    told = await take_all(rates, *([bucket] for bucket in buckets))
    return [one.seconds if one is not None else 0 for one in told]


def wait_from_now(seconds: float) -> Callable[[], float]:
    """Return what tells how much of a wait that begins after this is left at least."""
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic() - 0.01


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
    bucket, least = Bucket("live:7", 60.0, 4), wait_from_now(60)
    assert await take(one, bucket, bucket) == [0, 0]
    assert await take(other, bucket, bucket) == [0, 0]
    (wait,) = await take(one, bucket)
    assert least() <= wait <= 60
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
    await take(make_rates(), Bucket("live:7", 60.0, 20))
    left = await redis.run_one("PTTL", presence_keys.rate("live:7"))
    assert 0 < left <= 60_002


async def test_many_questions_are_answered_in_their_order(
    make_rates: Callable[[], Rates],
) -> None:
    waits = await take(make_rates(), *(Bucket("live:7", 60.0, 700) for _ in range(1300)))
    assert [wait > 0 for wait in waits] == [False] * 700 + [True] * 600


async def test_without_redis_one_router_keeps_the_rate_alone(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.redis_link.COOL_SECONDS", 60.0)
    settings = PresenceSettings(redis_url=Secret(f"unix://{tmp_path}/none.sock"))
    redis = RedisLink(settings)
    rates = Rates(redis, PresenceKeys(prefix))
    bucket, least = Bucket("live:7", 60.0, 2), wait_from_now(60)
    waits = await take(rates, bucket, bucket, bucket)
    assert waits[:2] == [0, 0]
    assert least() <= waits[2] < 60.001
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


MEMBER = Bucket("live:7", 60.0, 5, MEMBER_MESSAGES)
ROOM = Bucket("live:to.room.live.1", 60.0, 2, ROOM_MESSAGES)


@pytest.fixture(params=["redis", "alone"])
async def any_rates(
    request: pytest.FixtureRequest, redis: RedisLink, presence_keys: PresenceKeys, tmp_path: Path
) -> AsyncIterator[Callable[[LimitModes], Rates]]:
    away = RedisLink(PresenceSettings(redis_url=Secret(f"unix://{tmp_path}/none.sock")))
    made: list[Rates] = []

    def make(modes: LimitModes) -> Rates:
        link = redis if request.param == "redis" else away
        made.append(Rates(link, presence_keys, modes))
        return made[-1]

    yield make
    for rates in made:
        rates.close()
    await away.close()


async def test_a_message_takes_from_all_its_buckets_or_from_none(
    any_rates: Callable[[LimitModes], Rates],
) -> None:
    rates, least = any_rates(LimitModes()), wait_from_now(60)
    told = await take_all(rates, *([MEMBER, ROOM] for _ in range(6)))
    assert told[:2] == [None, None]
    assert all(one is not None and one.reason == ROOM_MESSAGES for one in told[2:])
    assert await take(rates, MEMBER, MEMBER, MEMBER) == [0, 0, 0]
    (last,) = await take_all(rates, [MEMBER, ROOM])
    assert last is not None
    assert (last.code, last.reason, last.retry) == (429, MEMBER_MESSAGES, "later")
    assert least() <= last.seconds <= last.after <= 60
    assert rates.excess.counts[ROOM_MESSAGES] == 4


async def test_a_limit_in_dry_run_refuses_nothing_and_the_others_hold(
    any_rates: Callable[[LimitModes], Rates],
) -> None:
    rates = any_rates(LimitModes(of_limit={ROOM_MESSAGES: "dry-run"}))
    told = await take_all(rates, *([MEMBER, ROOM] for _ in range(6)))
    assert told[:5] == [None] * 5
    assert told[5] is not None
    assert told[5].reason == MEMBER_MESSAGES
    assert rates.excess.counts == {ROOM_MESSAGES: 4, MEMBER_MESSAGES: 1, "member_casts": 0}
