import asyncio

import pytest

from auth.errors import AccountRefused
from auth.hashing import Hasher, HashRules

CHEAP = HashRules(threads=1, waiting=1, memory_kib=8, rounds=1)


async def test_a_password_is_verified_against_its_hash_alone() -> None:
    hasher = Hasher(CHEAP)
    encoded = await hasher.hash("p\u00e4ssword")
    assert await hasher.verify(encoded, "p\u00e4ssword")
    assert not await hasher.verify(encoded, "password")
    assert not await hasher.verify("", "password")
    assert not await hasher.verify("no hash at all", "password")
    assert not await hasher.verify(encoded, "\ud800")
    assert await hasher.hash("x") != await hasher.hash("x")
    hasher.close()


async def test_more_than_work_and_wait_are_refused_at_once() -> None:
    hasher = Hasher(CHEAP)
    results = await asyncio.gather(
        *(hasher.verify("", "x") for _ in range(5)), return_exceptions=True
    )
    refused = [one for one in results if isinstance(one, AccountRefused)]
    assert [one.reason for one in refused] == ["busy"] * 3
    assert (hasher.refused, refused[0].after) == (3, 1)
    assert not await hasher.verify("", "x")
    hasher.close()


async def test_one_who_goes_away_leaves_the_place_when_the_work_is_done() -> None:
    hasher = Hasher(CHEAP)
    for _ in range(20):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hasher.hash("x"), 0)
        await hasher.hash("x")
    hasher.close()


async def test_a_hash_by_other_rules_is_outdated() -> None:
    hasher, dearer = Hasher(CHEAP), Hasher(HashRules(memory_kib=16, rounds=1))
    encoded = await hasher.hash("x")
    assert not hasher.is_outdated(encoded)
    assert dearer.is_outdated(encoded)
    assert await dearer.verify(encoded, "x")
    hasher.close()
    dearer.close()
