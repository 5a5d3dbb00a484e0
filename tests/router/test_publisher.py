"""Confirmed publishing on a real nats-server: sequences, order, duplicates, bounds."""

import asyncio
from collections import defaultdict
from dataclasses import replace

import pytest

from bus.connection import Bus
from bus.metrics import Metrics
from router.batches import Outcome
from router.errors import BodyTooLarge, NotConfirmed, QueueFull, StorageRefused
from router.publisher import HEADER_ALLOWANCE, Publisher
from router.settings import PublisherSettings
from schemas.headers import FROM, MESSAGE_ID
from tests.router.streams import PATIENT, Stored, make_stream, read_stream

ROOM = "room.live.1"


def room(number: int) -> str:
    return f"room.live.{number}"


async def store_all(publisher: Publisher, messages: list[tuple[str, bytes, str]]) -> list[Outcome]:
    """Store (topic, body, id) in one turn of the loop."""
    return await asyncio.gather(
        *(publisher.store_one(topic, 1000, body, None, name) for topic, body, name in messages)
    )


def bodies_by_topic(bus: Bus, stored: list[Stored]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for message in stored:
        found[bus.subjects.pushed_topic(message.subject)[0]].append(message.body)
    return dict(found)


async def test_a_lonely_message_is_stored_singly_under_an_id_of_ours(
    bus: Bus, publisher: Publisher
) -> None:
    outcome = await publisher.store_one(ROOM, 1000, b"hello", {FROM: "7"})
    (message,) = await read_stream(bus, "ROOM")
    assert outcome == Outcome(message.sequence)
    assert message.body == b"hello"
    assert message.subject == bus.subjects.push(ROOM, 1000)
    assert message.header(FROM) == "7"
    assert message.header(MESSAGE_ID)
    assert publisher.counts["batches"] == 0


async def test_a_batch_tells_each_message_its_sequence_and_keeps_the_order(
    bus: Bus, publisher: Publisher
) -> None:
    messages = [(room(number % 7), b"%d" % number, "") for number in range(300)]
    outcomes = await store_all(publisher, messages)
    stored = {message.sequence: message for message in await read_stream(bus, "ROOM")}
    assert publisher.counts["batches"] > 0
    assert len(stored) == 300
    for (topic, body, _), outcome in zip(messages, outcomes, strict=True):
        assert outcome.error is None
        assert stored[outcome.sequence].body == body
        assert stored[outcome.sequence].subject == bus.subjects.push(topic, 1000)
    assert [outcome.sequence for outcome in outcomes] == sorted(stored)


async def test_a_batch_is_one_piece_though_others_publish_meanwhile(
    bus: Bus, publisher: Publisher
) -> None:
    async def publish_plainly() -> None:
        for number in range(40):
            await bus.call(bus.subjects.push("room.live.other", 1), b"other %d" % number)

    other = asyncio.ensure_future(publish_plainly())
    outcomes: list[Outcome] = []
    while not other.done():
        outcomes += await store_all(publisher, [(room(1), b"ours", "") for _ in range(40)])
    stored = {message.sequence: message.body for message in await read_stream(bus, "ROOM")}
    assert len({outcome.sequence for outcome in outcomes}) == len(outcomes)
    assert all(stored[outcome.sequence] == b"ours" for outcome in outcomes)


async def test_an_id_that_another_router_stored_is_told_as_a_duplicate_within_a_batch_too(
    bus: Bus, publisher: Publisher
) -> None:
    other = Publisher(bus, PATIENT)
    first = await other.store_one(room(3), 1000, b"first", None, "twice")
    other.close()
    assert not first.duplicate
    messages = [(room(number % 5), b"%d" % number, f"id-{number}") for number in range(64)]
    messages[40] = (room(3), b"again", "twice")
    outcomes = await store_all(publisher, messages)
    assert publisher.counts["batches_refused"] > 0
    assert [one.error for one in outcomes] == [None] * 64
    assert [number for number, one in enumerate(outcomes) if one.duplicate] == [40]
    assert outcomes[40].sequence == first.sequence
    stored = await read_stream(bus, "ROOM")
    assert len(stored) == 64
    for topic, found in bodies_by_topic(bus, stored[1:]).items():
        assert found == [body for one, body, name in messages if one == topic and name != "twice"]


async def test_a_caller_that_fails_does_not_keep_the_others_from_their_outcomes(
    publisher: Publisher,
) -> None:
    def fail(outcome: Outcome) -> None:
        raise KeyError(outcome.sequence)

    heard: list[Outcome] = []
    for number in range(20):
        publisher.store(room(number), 1000, b"x", fail if number % 2 else heard.append)
    await publisher.flush()
    assert [outcome.sequence for outcome in heard] == list(range(1, 21, 2))


async def test_one_id_twice_in_a_group_is_stored_once(bus: Bus, publisher: Publisher) -> None:
    messages = [(room(number), b"%d" % number, f"id-{number % 30}") for number in range(60)]
    outcomes = await store_all(publisher, messages)
    assert len(await read_stream(bus, "ROOM")) == 30
    assert [one.duplicate for one in outcomes] == [False] * 30 + [True] * 30
    assert [one.sequence for one in outcomes[:30]] == [one.sequence for one in outcomes[30:]]


async def test_a_few_messages_of_one_topic_go_one_after_the_other(
    bus: Bus, publisher: Publisher
) -> None:
    outcomes = await store_all(publisher, [(ROOM, b"%d" % number, "") for number in range(4)])
    assert publisher.counts["batches"] == 0
    assert [one.sequence for one in outcomes] == [1, 2, 3, 4]
    assert [message.body for message in await read_stream(bus, "ROOM")] == [b"0", b"1", b"2", b"3"]


async def test_topics_of_different_streams_do_not_share_a_batch(
    bus: Bus, publisher: Publisher
) -> None:
    messages = [(room(number), b"r", "") for number in range(20)]
    messages += [(f"member.{number}", b"m", "") for number in range(1, 21)]
    outcomes = await store_all(publisher, [*messages, ("all", b"a", "")])
    assert all(one.error is None for one in outcomes)
    assert len(await read_stream(bus, "ROOM")) == 20
    assert len(await read_stream(bus, "MEMBER")) == 20
    assert [message.body for message in await read_stream(bus, "ALL")] == [b"a"]


async def test_a_stream_without_atomic_batches_is_served_singly(bus: Bus) -> None:
    await make_stream(bus, "ROOM", "room.*.*", allow_atomic=False)
    publisher = Publisher(bus, PATIENT)
    outcomes = await store_all(publisher, [(room(n), b"%d" % n, "") for n in range(50)])
    assert sorted(one.sequence for one in outcomes) == list(range(1, 51))
    assert publisher.counts["batches"] == 0
    publisher.close()


async def test_what_the_stream_refuses_is_refused_alone(bus: Bus) -> None:
    await make_stream(bus, "ROOM", "room.*.*", max_msg_size=1000)
    publisher = Publisher(bus, PATIENT)
    messages = [(room(n), b"x" * (2000 if n == 20 else 10), "") for n in range(40)]
    outcomes = await store_all(publisher, messages)
    refused = [one.error for one in outcomes if one.error is not None]
    assert len(refused) == 1
    assert isinstance(outcomes[20].error, StorageRefused)
    assert outcomes[20].error.code == 413
    assert len(await read_stream(bus, "ROOM")) == 39
    publisher.close()


async def test_without_a_stream_a_message_is_not_called_stored(bus: Bus) -> None:
    publisher = Publisher(bus, PublisherSettings(seconds=0.3, attempt_seconds=0.1))
    outcomes = await store_all(publisher, [(room(n), b"x", "") for n in range(20)])
    assert all(isinstance(one.error, NotConfirmed) for one in outcomes)
    assert all(one.sequence == 0 for one in outcomes)
    assert publisher.waiting == publisher.waiting_bytes == 0
    publisher.close()


async def test_a_stream_that_comes_late_still_gets_the_messages_in_order(bus: Bus) -> None:
    publisher = Publisher(bus, PATIENT)
    storing = asyncio.ensure_future(
        store_all(publisher, [(ROOM, b"%d" % n, f"id-{n}") for n in range(40)])
    )
    while publisher.counts["publish_retries"] == 0:
        await bus.flush()
    await make_stream(bus, "ROOM", "room.*.*")
    outcomes = await storing
    assert [one.sequence for one in outcomes] == list(range(1, 41))
    assert not any(one.duplicate for one in outcomes)
    publisher.close()


async def test_beyond_its_limits_the_queue_refuses_and_counts(bus: Bus, streams: None) -> None:
    publisher = Publisher(bus, replace(PATIENT, queue_messages=10, queue_bytes=100))
    outcomes = await store_all(publisher, [(ROOM, b"x", "") for _ in range(15)])
    assert [isinstance(one.error, QueueFull) for one in outcomes] == [False] * 10 + [True] * 5
    outcomes = await store_all(publisher, [(ROOM, b"x" * 60, "") for _ in range(2)])
    assert isinstance(outcomes[1].error, QueueFull)
    assert publisher.counts["refused_QueueFull"] == 6
    assert len(await read_stream(bus, "ROOM")) == 11
    publisher.close()


async def test_a_body_that_nats_would_cut_us_off_for_is_refused(
    bus: Bus, publisher: Publisher
) -> None:
    limit = bus.client.max_payload - HEADER_ALLOWANCE
    outcome = await publisher.store_one(ROOM, 1000, b"x" * (limit + 1))
    assert isinstance(outcome.error, BodyTooLarge)
    assert isinstance(publisher.cast(ROOM, 1000, b"x" * (limit + 1)), BodyTooLarge)
    assert (await publisher.store_one(ROOM, 1000, b"x" * limit)).sequence == 1


async def test_a_line_break_in_a_header_is_the_callers_fault(publisher: Publisher) -> None:
    with pytest.raises(ValueError, match="line break"):
        await publisher.store_one(ROOM, 1000, b"x", {FROM: "1\r\nNats-Rollup: all"})
    assert publisher.waiting == 0


async def test_a_cast_is_delivered_and_not_stored(bus: Bus, publisher: Publisher) -> None:
    heard: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
    bus.subscribe(
        bus.subjects.interest(ROOM),
        lambda subject, reply, payload, headers: heard.set_result((subject, payload)),
    )
    assert publisher.cast(ROOM, 1000, b"now") is None
    subject, payload = await heard
    assert subject.decode() == bus.subjects.cast(ROOM, 1000)
    assert payload == b"now"
    assert await read_stream(bus, "ROOM") == []


async def test_flush_returns_when_all_is_settled(bus: Bus, publisher: Publisher) -> None:
    outcomes: list[Outcome] = []
    for _ in range(100):
        publisher.store(ROOM, 1000, b"x", outcomes.append)
    await publisher.flush()
    assert publisher.waiting == 0
    assert len(await read_stream(bus, "ROOM")) == 100


async def test_counts_are_shown_as_metrics(publisher: Publisher) -> None:
    await store_all(publisher, [(ROOM, b"x", "") for _ in range(20)])
    metrics = Metrics()
    metrics.add(publisher.readings)
    text = metrics.render().decode()
    assert "goim_router_stored_total 20.0" in text
    assert "goim_router_batches_total 1.0" in text
    assert "goim_router_publish_waiting 0.0" in text


async def test_a_retry_of_what_was_stored_a_moment_ago_breaks_no_batch(
    bus: Bus, publisher: Publisher
) -> None:
    first = await publisher.store_one(room(3), 1000, b"first", None, "twice")
    messages = [(room(number % 5), b"%d" % number, f"id-{number}") for number in range(64)]
    messages[40] = (room(3), b"again", "twice")
    outcomes = await store_all(publisher, messages)
    assert outcomes[40] == Outcome(first.sequence, duplicate=True)
    assert publisher.counts["batches_refused"] == 0
    assert publisher.counts["duplicates"] == 1
    assert len(await read_stream(bus, "ROOM")) == 64
