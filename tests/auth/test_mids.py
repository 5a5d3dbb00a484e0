import asyncio

import pytest

from auth.mids import BLOCK, Mids, MidsContended
from bus.bucket import Bucket, Value
from bus.connection import Bus
from bus.errors import ValueChanged


@pytest.fixture
async def bucket(account_bus: Bus) -> Bucket:
    bucket = Bucket(account_bus, "ACCOUNT")
    await bucket.ensure()
    return bucket


async def test_ids_count_up_from_the_first(bucket: Bucket) -> None:
    mids = Mids(bucket, 100)
    assert [await mids.take() for _ in range(BLOCK + 2)] == list(range(100, 102 + BLOCK))


async def test_many_processes_at_once_give_each_id_once(bucket: Bucket) -> None:
    processes = [Mids(bucket, 1) for _ in range(8)]
    taken = await asyncio.gather(*(one.take() for one in processes for _ in range(40)))
    assert len(set(taken)) == 320
    assert min(taken) == 1


async def test_a_restart_or_a_lower_first_id_gives_none_again(bucket: Bucket) -> None:
    before = await Mids(bucket, 500).take()
    assert await Mids(bucket, 1).take() == before + BLOCK
    assert await Mids(bucket, 9000).take() == 9000


class Contended(Bucket):
    """A bucket in which somebody else is always quicker."""

    async def get(self, key: str) -> Value | None:
        return Value(b"1", 1)

    async def put(
        self, key: str, data: bytes, revision: int | None = None, ttl_seconds: int = 0
    ) -> int:
        raise ValueChanged(key)


async def test_it_gives_up_at_last(account_bus: Bus) -> None:
    with pytest.raises(MidsContended):
        await Mids(Contended(account_bus, "ACCOUNT"), 1).take()
