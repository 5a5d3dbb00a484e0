"""A bucket followed: what is there, what comes, what goes, and a bucket made anew."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from bus.bucket import Bucket
from bus.connection import Bus
from bus.errors import ReaderBehind, SettingsRefused
from bus.followed import FollowedBucket
from bus.ordered import Entry
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS, Connect, Failures
from tests.bus.servers import NatsServer


class View(FollowedBucket):
    """What a bucket holds."""

    def __init__(self, bucket: Bucket) -> None:
        self.held: dict[str, bytes] = {}
        super().__init__(bucket, self._take, self.held.clear)

    def _take(self, key: str, entry: Entry | None) -> None:
        if entry is None:
            del self.held[key]
        else:
            self.held[key] = entry.payload


@pytest.fixture
async def view(bus: Bus) -> AsyncIterator[View]:
    view = View(Bucket(bus, "REVOKED", msg_ttl=True))
    yield view
    await view.close()


async def test_loading_makes_the_bucket_and_reads_what_is_there(view: View) -> None:
    await view.bucket.ensure()
    await view.bucket.put("a", b"1")
    await view.bucket.put("b.c", b"2")
    await view.bucket.put("d", b"3")
    await view.bucket.delete("d")
    view.held["d"] = b"to be deleted"
    await view.load("waits")
    assert view.held == {"a": b"1", "b.c": b"2"}


async def test_what_is_written_later_is_told_too(view: View) -> None:
    await view.load("waits")
    await view.bucket.put("a", b"1")
    revision = await view.bucket.put("a", b"2")
    await view.reach(revision, PATIENT_SECONDS)
    assert view.held == {"a": b"2"}
    await view.bucket.put("b", b"")
    await view.bucket.delete("a")
    await view.catch_up(PATIENT_SECONDS)
    assert view.held == {"b": b""}


async def test_waiting_for_what_does_not_come_ends(view: View) -> None:
    await view.load("waits")
    await view.reach(10**9, 0.01)
    await view.close()
    await view.bucket.put("a", b"1")
    with pytest.raises(ReaderBehind):
        await view.catch_up(0.01)


async def test_a_bucket_made_anew_is_read_anew(view: View) -> None:
    await view.load("waits")
    await view.reach(await view.bucket.put("a", b"1"), PATIENT_SECONDS)
    await view.bucket.bus.jetstream.delete_stream(view.bucket.stream)
    await view.bucket.ensure()
    await view.bucket.put("b", b"2")
    while view.held != {"b": b"2"}:
        await view.bucket.bus.flush()


async def test_what_can_never_be_made_ends_the_loading(bus: Bus) -> None:
    view = View(Bucket(bus, "REVOKED", 3))
    with pytest.raises(SettingsRefused):
        await view.load("waits")


async def test_nats_is_waited_for_and_that_is_told_once(
    server: NatsServer, connect: Connect, failures: Failures
) -> None:
    view = View(Bucket(await connect(BusSettings(nats_url=server.url)), "REVOKED"))
    server.kill()
    with capture_logs() as logs:
        loading = asyncio.create_task(view.load("it_waits"))
        await failures.more(2)
        await server.start()
        await loading
    waits = [one for one in logs if one["event"] == "it_waits"]
    assert [one["bucket"] for one in waits] == [view.bucket.name]
    await view.close()
