"""Two copies of one message: both are stored or none, and a retry stores what is not there."""

import asyncio
from dataclasses import replace

import pytest

from bus.connection import Bus
from router.batches import Outcome
from router.errors import QueueFull
from router.publisher import Publisher
from router.settings import PublisherSettings
from schemas.headers import MESSAGE_ID, encode_headers
from schemas.scoped_ids import scoped_id
from tests.router.streams import PATIENT, make_stream, read_stream

TOPICS = ("member.9", "member.5")


async def store_pair(publisher: Publisher, body: bytes = b"hi", message_id: str = "") -> Outcome:
    stored: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    publisher.store_pair(TOPICS, 1000, body, stored.set_result, None, message_id)
    return await stored


async def topics_and_bodies(bus: Bus) -> list[tuple[str, bytes]]:
    stored = await read_stream(bus, "MEMBER")
    return [(bus.subjects.pushed_topic(one.subject)[0], one.body) for one in stored]


async def test_both_copies_are_one_batch_and_the_second_ones_sequence_is_told(
    bus: Bus, publisher: Publisher
) -> None:
    assert await store_pair(publisher) == Outcome(2)
    assert await topics_and_bodies(bus) == [("member.9", b"hi"), ("member.5", b"hi")]
    assert publisher.counts["batches"] == 1


async def test_a_retry_is_told_as_a_duplicate_with_its_sequence(
    bus: Bus, publisher: Publisher
) -> None:
    first = await store_pair(publisher, message_id="5.phone.7")
    again = await store_pair(publisher, message_id="5.phone.7")
    assert again == Outcome(first.sequence, duplicate=True)
    assert len(await read_stream(bus, "MEMBER")) == 2


@pytest.mark.parametrize("stored", TOPICS)
async def test_a_retry_stores_the_copy_that_a_crash_left_out(
    bus: Bus, publisher: Publisher, stored: str
) -> None:
    headers = encode_headers({MESSAGE_ID: scoped_id(stored, "5.phone.7")})
    await bus.call(bus.subjects.push(stored, 1000), b"hi", headers=headers)
    outcome = await store_pair(publisher, message_id="5.phone.7")
    assert outcome.error is None
    assert sorted(await topics_and_bodies(bus)) == sorted((topic, b"hi") for topic in TOPICS)
    (own,) = (one for one in await read_stream(bus, "MEMBER") if ".member.5." in one.subject)
    assert outcome.sequence == own.sequence
    assert outcome.duplicate is (stored == "member.5")


async def test_many_pairs_share_batches_though_some_are_retries(
    bus: Bus, publisher: Publisher
) -> None:
    await store_pair(publisher, b"7", "id-7")
    outcomes = await asyncio.gather(
        *(store_pair(publisher, b"%d" % number, f"id-{number}") for number in range(40))
    )
    assert [number for number, one in enumerate(outcomes) if one.duplicate] == [7]
    stored = await topics_and_bodies(bus)
    order = [b"7", *(b"%d" % number for number in range(40) if number != 7)]
    for topic in TOPICS:
        assert [body for one, body in stored if one == topic] == order


async def test_without_atomic_batches_both_copies_are_stored_singly(bus: Bus) -> None:
    await make_stream(bus, "MEMBER", "member.*", allow_atomic=False)
    publisher = Publisher(bus, PATIENT)
    assert (await store_pair(publisher)).sequence in (1, 2)
    assert sorted(await topics_and_bodies(bus)) == [("member.5", b"hi"), ("member.9", b"hi")]
    publisher.close()


async def test_a_pair_needs_places_for_both(bus: Bus, streams: None) -> None:
    publisher = Publisher(bus, replace(PATIENT, queue_messages=3))
    outcomes = await asyncio.gather(store_pair(publisher), store_pair(publisher))
    assert [type(one.error) for one in outcomes] == [type(None), QueueFull]
    assert publisher.waiting == publisher.waiting_bytes == 0
    assert len(await read_stream(bus, "MEMBER")) == 2
    publisher.close()


async def test_where_the_first_copy_fails_the_message_does(bus: Bus) -> None:
    await make_stream(bus, "MEMBER", "", subjects=[bus.subjects.push("member.5", "*")])
    publisher = Publisher(bus, PublisherSettings(seconds=0.3, attempt_seconds=0.1))
    outcome = await store_pair(publisher)
    assert outcome.error is not None
    assert outcome.error.code == 503
    publisher.close()
