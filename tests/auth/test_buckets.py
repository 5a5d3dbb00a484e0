"""A bucket as JetStream keeps it: revisions, deletions, values that go by themselves."""

import pytest

from auth.buckets import Bucket, acknowledged
from auth.errors import ValueChanged
from bus.connection import Bus
from bus.errors import BusError, SettingsRefused, StreamApiRefused


@pytest.fixture
async def bucket(account_bus: Bus) -> Bucket:
    bucket = Bucket(account_bus, "ACCOUNT")
    await bucket.ensure(1)
    return bucket


async def test_a_value_is_read_back_with_its_revision(bucket: Bucket) -> None:
    assert await bucket.get("a") is None
    revision = await bucket.put("a", b"\x00\xff")
    assert await bucket.get("a") == (b"\x00\xff", revision)


async def test_only_what_is_not_there_is_made(bucket: Bucket) -> None:
    await bucket.put("a", b"1", 0)
    with pytest.raises(ValueChanged, match="a was written by somebody else"):
        await bucket.put("a", b"2", 0)
    await bucket.delete("a")
    assert await bucket.get("a") is None
    await bucket.put("a", b"3", 0)
    value = await bucket.get("a")
    assert value is not None
    assert value.data == b"3"


async def test_a_write_that_expects_another_revision_is_refused(bucket: Bucket) -> None:
    revision = await bucket.put("a", b"1")
    await bucket.put("b", b"other keys don't matter")
    await bucket.put("a", b"2", revision)
    for expected in (revision, 99):
        with pytest.raises(ValueChanged):
            await bucket.put("a", b"3", expected)
        with pytest.raises(ValueChanged):
            await bucket.delete("a", expected)


async def test_a_value_goes_after_its_time(bucket: Bucket) -> None:
    await bucket.put("a", b"1", ttl_seconds=1)
    while await bucket.get("a") is not None:
        await bucket._bus.flush()
    await bucket.put("a", b"2", 0)


async def test_a_bucket_is_made_once_and_then_left_as_it_is(bucket: Bucket) -> None:
    await bucket.put("a", b"1")
    await bucket.ensure(1)
    await bucket.ensure(1)
    assert await bucket.get("a") is not None


async def test_nats_own_client_reads_and_writes_the_same_bucket(bucket: Bucket) -> None:
    theirs = await bucket._bus.jetstream.key_value(bucket.name)
    await bucket.put("a", b"1")
    assert (await theirs.get("a")).value == b"1"
    await theirs.delete("a")
    assert await bucket.get("a") is None
    await theirs.put("a", b"2")
    assert (await bucket.get("a") or ()) != ()


async def test_more_replicas_than_servers_stop_the_start(account_bus: Bus) -> None:
    with pytest.raises(SettingsRefused, match="GOIM_REPLICAS=3"):
        await Bucket(account_bus, "LOGIN").ensure(3)


async def test_a_bucket_that_was_deleted_is_an_error_not_an_empty_one(bucket: Bucket) -> None:
    await bucket._bus.jetstream.delete_stream(bucket.stream)
    with pytest.raises(BusError):
        await bucket.get("a")
    with pytest.raises(BusError):
        await bucket.put("a", b"1")


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[]", b"{}", b'{"seq":0}', b'{"error":{"err_code":10003}}', b'{"seq":"x"}'],
)
def test_what_is_no_acknowledgement_stores_nothing(payload: bytes) -> None:
    with pytest.raises(StreamApiRefused):
        acknowledged("subject", payload)
