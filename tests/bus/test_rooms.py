"""Records followed in memory: as the bucket is, through deletions, cuts and a bucket made anew."""

from collections.abc import AsyncIterator

import pytest
from nats.js.kv import KeyValue

from bus.connection import Bus
from bus.rooms import RoomBook, RoomChange
from bus.settings import BusSettings
from schemas.rooms import INVITATION, RoomRecord, encode_record
from tests.bus.conftest import PATIENT_SECONDS, Connect
from tests.bus.servers import NatsServer

TOPIC, KEY = "room.chat.us", "chat.us"
PRIVATE = encode_record(RoomRecord(owner=1, access=INVITATION, members=frozenset({1, 2})))


@pytest.fixture
async def book(bus: Bus) -> AsyncIterator[RoomBook]:
    book = await RoomBook.load(bus)
    yield book
    await book.close()


async def bucket_of(bus: Bus) -> KeyValue:
    return await bus.jetstream.key_value(bus.subjects.bucket("ROOMS"))


async def test_a_room_without_a_record_denies_nothing(book: RoomBook) -> None:
    assert book.denial("receive", 9, TOPIC) is None
    assert book.may(9, "send", "chat://us")
    assert book.held(TOPIC) is None


async def test_what_is_stored_counts_at_once_and_for_those_who_load_later(
    bus: Bus, book: RoomBook
) -> None:
    changes: list[RoomChange] = []
    book.on_change.append(changes.append)
    revision = await (await bucket_of(bus)).put(KEY, PRIVATE)
    await book.reach(revision, PATIENT_SECONDS)
    assert not book.may(9, "receive", "chat://us")
    assert book.may(2, "history", "chat://us")
    assert [one.topic for one in changes] == [TOPIC]
    assert changes[0].before is None
    later = await RoomBook.load(bus)
    held = later.held(TOPIC)
    assert held is not None
    assert (held.revision, held.record.owner) == (revision, 1)
    assert list(later.topics()) == [TOPIC]
    await later.close()


async def test_a_deletion_ends_it(bus: Bus, book: RoomBook) -> None:
    bucket = await bucket_of(bus)
    await bucket.put(KEY, PRIVATE)
    changes: list[RoomChange] = []
    book.on_change.append(changes.append)
    for end in (bucket.delete, bucket.purge):
        await end(KEY)
        entry = (await bus.jetstream.stream_info(book.bucket.stream)).state.last_seq
        await book.reach(entry, PATIENT_SECONDS)
        assert book.may(9, "receive", "chat://us")
    assert changes[-1].after is None


async def test_what_is_no_record_closes_the_room(bus: Bus, book: RoomBook) -> None:
    revision = await (await bucket_of(bus)).put(KEY, b"nonsense")
    await book.reach(revision, PATIENT_SECONDS)
    denial = book.denial("receive", 1, TOPIC)
    assert denial is not None
    assert denial.reason == "room_closed"


async def test_waiting_for_what_does_not_come_ends(book: RoomBook) -> None:
    await book.reach(10**9, 0.01)


async def test_a_bucket_made_anew_is_followed(bus: Bus, book: RoomBook) -> None:
    await book.reach(await (await bucket_of(bus)).put(KEY, PRIVATE), PATIENT_SECONDS)
    changes: list[RoomChange] = []
    book.on_change.append(changes.append)
    await bus.jetstream.delete_key_value(book.bucket.name)
    again = await RoomBook.load(bus)  # makes it
    revision = await (await bucket_of(bus)).put("chat.them", PRIVATE)
    await book.reach(revision, 30)
    while book.held("room.chat.them") is None:
        await bus.flush()
    assert book.held(TOPIC) is None
    assert changes[0] == RoomChange(TOPIC, changes[0].before, None)
    await again.close()


async def test_what_changed_while_nats_was_away_is_read_first(
    server: NatsServer, connect: Connect
) -> None:
    bus = await connect(BusSettings(nats_url=server.url))
    other = await connect(BusSettings(nats_url=server.url))
    book = await RoomBook.load(bus)
    bus.client.abort_connection()
    revision = await (await bucket_of(other)).put(KEY, PRIVATE)
    await book.reach(revision, 30)
    assert not book.may(9, "receive", "chat://us")
    await book.close()


async def test_it_is_measured(bus: Bus, book: RoomBook) -> None:
    revision = await (await bucket_of(bus)).put(KEY, PRIVATE)
    await book.reach(revision, PATIENT_SECONDS)
    numbers = {one[0]: one[4][0][1] for one in book.readings()}
    assert numbers == {"goim_room_records": 1, "goim_room_changes": 1}
