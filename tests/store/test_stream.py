"""Making and updating the streams on a real nats-server."""

import asyncio
from typing import Any

import pytest

from bus.bucket import Bucket
from bus.connection import Bus
from bus.errors import SettingsRefused
from bus.policies import PolicyBook
from bus.stream_api import request_api
from schemas.policies import Policy
from store.batches import Put, write_one
from store.definitions import NANOSECONDS, Storage
from store.retention import Purge, Retention
from store.stream import Streams, fitting_bytes
from store.sweep import MARGIN_SEQUENCES, Sweep, encode_sweep
from tests.bus.servers import NatsServer
from tests.store.harness import Policies, System

STORAGE = Storage(1, message_bytes=100_000, grace_seconds=600, forget_seconds=86_400)


def streams_of(bus: Bus, storage: Storage = STORAGE) -> Streams:
    return Streams(bus, storage, Retention(Policies().of))


async def info(bus: Bus, name: str) -> dict[str, Any]:
    return await request_api(bus, f"STREAM.INFO.{name}", {})


async def test_streams_and_buckets_are_made_once(system: System) -> None:
    streams = streams_of(system.bus)
    await streams.ensure([Policy()])
    created = (await info(system.bus, system.subjects.stream("ROOM")))["created"]
    await streams.ensure([Policy()])
    assert (streams.created, streams.updated) == (8, 0)
    assert (await info(system.bus, system.subjects.stream("ROOM")))["created"] == created


async def test_what_is_pushed_is_republished_with_its_sequence(system: System) -> None:
    await streams_of(system.bus).ensure([])
    got: asyncio.Queue[tuple[bytes, bytes | None]] = asyncio.Queue()
    for topic in ("room.live.1", "member.7", "all"):
        system.bus.subscribe(
            system.subjects.interest(topic),
            lambda subject, reply, payload, headers: got.put_nowait((subject, headers)),
        )
    for topic in ("room.live.1", "member.7", "all"):
        await system.publish(topic, b"x")
        subject, headers = await got.get()
        assert subject.decode() == system.subjects.kept(topic, 1000)
        assert headers is not None
        assert b"Nats-Sequence: 1\r\n" in headers


async def test_another_policy_updates_the_stream_and_loses_nothing(system: System) -> None:
    streams = streams_of(system.bus)
    await streams.ensure([Policy()])
    await system.publish("room.live.1", b"x")
    await streams.ensure([Policy(retain_messages=5000, retain_seconds=10**7)])
    found = await info(system.bus, system.subjects.stream("ROOM"))
    assert found["config"]["max_msgs_per_subject"] == 5001
    assert found["config"]["max_age"] == (10**7 + 600) * NANOSECONDS
    assert found["state"]["messages"] == 1
    assert (streams.created, streams.updated) == (8, 1)


async def test_the_last_good_policy_stands_for_who_comes_after_a_bad_one(system: System) -> None:
    book = await PolicyBook.load(system.bus)
    await streams_of(system.bus).ensure([])
    bucket = Bucket(system.bus, "POLICY")
    await bucket.put("live", b'{"retain_messages": 5}')
    await bucket.put("live", b'{"retain_messages": "many"}')
    await book.close()
    later = await PolicyBook.load(system.bus)
    assert (later.of("live").retain_messages, later.refused) == (5, 1)
    await later.close()


async def test_a_stream_that_an_operator_made_is_taken_over(system: System) -> None:
    name = system.subjects.stream("ROOM")
    own = {
        "name": name,
        "subjects": [system.subjects.push("room.*.*", "*")],
        "description": "by hand",
        "max_msgs_per_subject": 5,
    }
    await request_api(system.bus, f"STREAM.CREATE.{name}", own)
    await system.publish("room.live.1", b"x")
    await streams_of(system.bus).ensure([])
    found = await info(system.bus, name)
    assert found["config"]["description"] == "by hand"
    assert found["config"]["allow_atomic"] is True
    assert found["config"]["republish"]["dest"].startswith(system.prefix)
    assert found["state"]["messages"] == 1


async def test_many_processes_may_race(system: System) -> None:
    every = [streams_of(system.bus) for _ in range(8)]
    await asyncio.gather(*[streams.ensure([Policy()]) for streams in every])
    assert (await info(system.bus, system.subjects.stream("ALL")))["state"]["messages"] == 0


async def test_processes_with_different_limits_may_race(system: System) -> None:
    every = [
        streams_of(system.bus, Storage(1, 100_000 + number, 600, 86_400)) for number in range(4)
    ]
    await asyncio.gather(*[streams.ensure([Policy()]) for streams in every])
    found = await info(system.bus, system.subjects.stream("ALL"))
    assert found["config"]["max_msg_size"] in range(100_000, 100_004)


async def test_a_lost_stream_goes_on_above_the_sequences_it_had(system: System) -> None:
    await streams_of(system.bus).ensure([])
    room, trimmed = system.subjects.stream("ROOM"), system.subjects.bucket("TRIMMED")
    sweep = encode_sweep(Sweep(1.0, {room: 500}))
    await write_one(system.bus, Put(f"$KV.{trimmed}.sweep", sweep))
    await request_api(system.bus, f"STREAM.DELETE.{room}", {})
    await asyncio.gather(*[streams_of(system.bus).ensure([]) for _ in range(3)])
    assert await system.publish("room.live.1", b"x") == 500 + MARGIN_SEQUENCES
    answer = await request_api(
        system.bus, f"STREAM.MSG.GET.KV_{trimmed}", {"last_by_subj": f"$KV.{trimmed}.lost.ROOM"}
    )
    assert answer["message"]["seq"] > 0


async def test_a_configuration_the_server_refuses_is_an_error(system: System) -> None:
    streams = streams_of(system.bus, Storage(3, 100_000, 600, 86_400))  # one server, no replicas
    with pytest.raises(SettingsRefused, match=r"GOIM_REPLICAS.*replicas > 1 not supported"):
        await streams.ensure_patiently([])


async def test_jetstream_is_waited_for(server: NatsServer, own_system: System) -> None:
    server.kill()
    waiting = asyncio.create_task(streams_of(own_system.bus).ensure_patiently([]))
    await server.start()
    await waiting
    assert await own_system.publish("all", b"x") == 1


async def test_a_purge_takes_what_is_below_its_subject_up_to_its_sequence(system: System) -> None:
    streams = streams_of(system.bus)
    await streams.ensure([])
    await system.publish_many(["room.live.1", "room.chat.1"] * 5, [b"x"] * 10)
    name = system.subjects.stream("ROOM")
    subject = system.subjects.stored("room.live.*")
    assert await streams.purge(name, Purge(subject, 5)) == 3
    assert await streams.purge(name, Purge("", 6)) == 3
    assert streams.purged_messages == 6


def test_a_page_fits_into_what_nats_carries() -> None:
    assert fitting_bytes(1000, 2**21) == 1000
    assert fitting_bytes(2**20, 2**20) == int(2**20 * 0.6)
