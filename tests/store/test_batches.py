import pytest

from bus.errors import StreamApiRefused
from bus.stream_api import WRONG_LAST_SEQUENCE, request_api
from store.batches import Put, write_batch, write_one
from tests.store.harness import System
from tests.store.test_stream import streams_of


async def test_a_batch_is_stored_whole(system: System) -> None:
    await streams_of(system.bus).ensure([])
    head = f"$KV.{system.subjects.bucket('POSITION')}."
    puts = [Put(f"{head}{number}.a", b"x", 0) for number in range(1000)]
    assert await write_batch(system.bus, puts) == 1000
    assert await write_batch(system.bus, [Put(f"{head}1.a", b"y", 2)]) == 1001


async def test_a_batch_with_one_changed_value_is_refused_whole(system: System) -> None:
    await streams_of(system.bus).ensure([])
    head = f"$KV.{system.subjects.bucket('POSITION')}."
    assert await write_one(system.bus, Put(head + "1.a", b"x", 0)) == 1
    puts = [Put(head + "2.a", b"x", 0), Put(head + "1.a", b"y", 0), Put(head + "3.a", b"x")]
    with pytest.raises(StreamApiRefused) as refused:
        await write_batch(system.bus, puts)
    assert refused.value.code == WRONG_LAST_SEQUENCE
    name = f"KV_{system.subjects.bucket('POSITION')}"
    answer = await request_api(system.bus, f"STREAM.INFO.{name}", {})
    assert answer["state"]["messages"] == 1


async def test_without_a_revision_a_value_is_written_over(system: System) -> None:
    await streams_of(system.bus).ensure([])
    subject = f"$KV.{system.subjects.bucket('TRIMMED')}.all"
    assert await write_one(system.bus, Put(subject, b"1")) == 1
    assert await write_one(system.bus, Put(subject, b"2")) == 2
