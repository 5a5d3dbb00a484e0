"""A bucket as JetStream keeps it: revisions, deletions, values that go by themselves."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bus.bucket import Bucket, ttl_seconds_of
from bus.connection import Bus
from bus.errors import BusError, SettingsRefused, ValueChanged
from bus.settings import BusSettings
from schemas.headers import encode_headers
from tests.bus.conftest import Connect, Failures, MakeServer
from tests.bus.servers import NatsServer


@pytest.fixture
async def bucket(bus: Bus) -> Bucket:
    bucket = Bucket(bus, "ACCOUNT", msg_ttl=True)
    await bucket.ensure()
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
        await bucket.bus.flush()
    await bucket.put("a", b"2", 0)


@pytest.mark.parametrize(("written", "seconds"), [("60s", 60), ("never", 0), ("", 0)])
def test_who_follows_a_bucket_is_told_how_long_a_value_stays(written: str, seconds: int) -> None:
    assert ttl_seconds_of(encode_headers({"Nats-TTL": written, "KV-Operation": "PUT"})) == seconds
    assert ttl_seconds_of(None) == 0


async def test_a_bucket_is_made_once_and_then_left_as_it_is(bucket: Bucket) -> None:
    await bucket.put("a", b"1")
    await bucket.ensure()
    await bucket.ensure()
    assert await bucket.get("a") is not None


async def test_nats_own_client_reads_and_writes_the_same_bucket(bucket: Bucket) -> None:
    theirs = await bucket.bus.jetstream.key_value(bucket.name)
    await bucket.put("a", b"1")
    assert (await theirs.get("a")).value == b"1"
    await theirs.delete("a")
    assert await bucket.get("a") is None
    await theirs.put("a", b"2")
    assert (await bucket.get("a") or ()) != ()


async def test_more_replicas_than_servers_stop_the_start(bus: Bus) -> None:
    with pytest.raises(SettingsRefused, match="GOIM_REPLICAS=3"):
        await Bucket(bus, "LOGIN", 3).ensure()


async def test_a_deletion_leaves_the_revision_that_the_next_write_expects(bus: Bus) -> None:
    bucket = Bucket(bus, "ROOMS")
    await bucket.ensure()
    assert await bucket.read("a") == (None, 0)
    await bucket.delete("a", await bucket.put("a", b"1", 0))
    value, deleted = await bucket.read("a")
    assert (value, deleted) == (None, 2)
    assert await bucket.put("a", b"2", deleted) == 3
    with pytest.raises(ValueChanged):
        await bucket.put("a", b"3", deleted)


async def test_of_several_that_make_the_same_value_one_does(bucket: Bucket) -> None:
    made = [bucket.put("a", b"%d" % number, 0) for number in range(8)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)
    assert sorted(isinstance(one, ValueChanged) for one in outcomes) == [False] + [True] * 7


async def test_kinds_differ_in_what_they_are_made_with(bus: Bus) -> None:
    plain = Bucket(bus, "ROOMS", max_value_bytes=9999)
    for made in (plain, Bucket(bus, "POLICY", history=5), Bucket(bus, "LOGIN", msg_ttl=True)):
        await made.ensure()
    rooms, policy, login = [
        (await bus.jetstream.stream_info(f"KV_{bus.subjects.bucket(kind)}")).config
        for kind in ("ROOMS", "POLICY", "LOGIN")
    ]
    assert (rooms.max_msgs_per_subject, rooms.max_msg_size, rooms.allow_msg_ttl) == (1, 9999, False)
    assert (policy.max_msgs_per_subject, policy.max_msg_size) == (5, 65_536)
    assert (login.allow_msg_ttl, login.duplicate_window) == (True, 120)
    for one in (rooms, policy, login):
        assert (one.allow_direct, one.deny_delete, one.allow_rollup_hdrs) == (True, True, True)
        assert (one.num_replicas, one.storage, one.discard) == (1, "file", "new")


async def test_nats_is_waited_for_and_that_is_told_once(
    server: NatsServer, connect: Connect, failures: Failures
) -> None:
    bucket = Bucket(await connect(BusSettings(nats_url=server.url)), "ACCOUNT")
    server.kill()
    with capture_logs() as logs:
        making = asyncio.create_task(bucket.ensure())
        await failures.more(2)
        await server.start()
        await making
    waits = [one for one in logs if one["event"] == "bucket_waits"]
    assert [one["bucket"] for one in waits] == [bucket.name]
    assert await bucket.get("a") is None


async def test_where_nats_does_not_let_us_others_make_it(
    make_server: MakeServer, connect: Connect
) -> None:
    user = '{ user: u, password: p, permissions: { publish: { deny: "$JS.API.STREAM.CREATE.>" } } }'
    server = await make_server(f"authorization {{ users: [ {user} ] }}").start()
    url = server.url.replace("//", "//u:p@")
    bucket = Bucket(await connect(BusSettings(nats_url=url)), "ROOMS", made_by_others="not_ours")
    with capture_logs() as logs:
        await bucket.ensure()
    assert [one["bucket"] for one in logs if one["event"] == "not_ours"] == [bucket.name]


async def test_a_bucket_that_was_deleted_is_an_error_not_an_empty_one(bucket: Bucket) -> None:
    await bucket.bus.jetstream.delete_stream(bucket.stream)
    with pytest.raises(BusError):
        await bucket.get("a")
    with pytest.raises(BusError):
        await bucket.put("a", b"1")
