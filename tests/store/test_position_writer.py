import asyncio

import pytest

from bus.connection import Bus
from bus.errors import BusError
from bus.stream_api import request_api
from schemas.messages_pb2 import DevicePosition, PositionReply, PositionRequest, Want
from store import position_writer
from store.batches import Put, write_batch, write_one
from store.errors import PositionsContended
from store.position_writer import MOST_WAITING, _Change
from tests.bus.servers import NatsServer
from tests.store.harness import StoreProcess, System

MANY = 10**6


async def with_stores(system: System, count: int) -> list[StoreProcess]:
    processes = [await system.start_store() for _ in range(count)]
    await system.publish_many(["room.chat.1"] * 900, [b""] * 900)
    for process in processes:
        await process.store.views.topics["ROOM"].barrier.wait(30)
    return processes


async def position(process: StoreProcess, key: str) -> dict[str, int]:
    await process.store.views.positions.barrier.wait(30)
    return process.store.views.positions.table.topics(key)


async def test_what_comes_together_goes_in_batches(system: System) -> None:
    (process,) = await with_stores(system, 1)
    writer = process.store.writer
    saves = [writer.save([(f"{mid}.ios", {"room.chat.1": mid % 900})]) for mid in range(1, 2501)]
    await asyncio.gather(*saves)
    assert (writer.saved, writer.batches) == (2500, 3)
    assert await position(process, "77.ios") == {"room.chat.1": 77}
    await process.store.views.positions.barrier.wait(30)
    assert len(process.store.views.positions.table) == 2500


async def test_what_is_no_news_is_not_written(system: System) -> None:
    (process,) = await with_stores(system, 1)
    writer = process.store.writer
    await writer.save([("7.ios", {"room.chat.1": 5})])
    await writer.save([("7.ios", {"room.chat.1": 4})])
    assert (writer.saved, writer.unchanged) == (1, 1)
    await writer.save([])


async def test_a_position_half_forgotten_is_written_again_though_nothing_is_new(
    system: System,
) -> None:
    (process,) = await with_stores(system, 1)
    writer = process.store.writer
    await writer.save([("7.ios", {"room.chat.1": 5})])
    system.clock.ahead = 89 * 86_400
    await writer.save([("7.ios", {"room.chat.1": 5})])
    assert (writer.saved, writer.unchanged) == (1, 1)
    system.clock.ahead = 91 * 86_400
    await writer.save([("7.ios", {"room.chat.1": 5})])
    assert (writer.saved, writer.unchanged) == (2, 1)


async def test_two_saves_of_one_device_at_once_are_both_kept(system: System) -> None:
    (process,) = await with_stores(system, 1)
    writer = process.store.writer
    rooms = {f"room.chat.{number}": number for number in range(1, 40)}
    await asyncio.gather(*[writer.save([("7.ios", {room: at})]) for room, at in rooms.items()])
    assert await position(process, "7.ios") == rooms


async def test_two_stores_never_undo_each_others_saves(system: System) -> None:
    one, two = await with_stores(system, 2)
    for turn in range(1, 41):
        await asyncio.gather(
            one.store.writer.save([("7.ios", {"room.chat.1": turn})]),
            two.store.writer.save([("7.ios", {"room.chat.2": turn}), ("8.ios", {"all": 0})]),
        )
        wanted = {"room.chat.1": turn, "room.chat.2": turn}
        assert await position(one, "7.ios") == await position(two, "7.ios") == wanted
    conflicts = one.store.writer.conflicts + two.store.writer.conflicts
    assert conflicts > 0, "the two never met: the test shows nothing"


async def test_a_position_that_was_forgotten_begins_anew(system: System) -> None:
    (process,) = await with_stores(system, 1)
    await process.store.writer.save([("7.ios", {"room.chat.1": 5})])
    stream = process.store.views.positions.stream
    request = {"filter": process.store.views.positions.head + "7.ios"}
    await request_api(system.bus, f"STREAM.PURGE.{stream}", request)
    await process.store.writer.save([("7.ios", {"room.chat.2": 6})])
    assert (await position(process, "7.ios"))["room.chat.2"] == 6


async def test_a_position_that_an_operator_deleted_is_gone(system: System) -> None:
    (process,) = await with_stores(system, 1)
    await process.store.writer.save([("7.ios", {"room.chat.1": 5})])
    bucket = await system.bus.jetstream.key_value(system.subjects.bucket("POSITION"))
    await bucket.delete("7.ios")
    assert await position(process, "7.ios") == {}
    await process.store.writer.save([("7.ios", {"room.chat.1": 3})])
    assert await position(process, "7.ios") == {"room.chat.1": 3}


async def test_rooms_without_a_place_are_counted(system: System) -> None:
    (process,) = await with_stores(system, 1)
    for start in (1, 50):
        rooms = {f"room.chat.{number}": number for number in range(start, start + 49)}
        await process.store.writer.save([("7.ios", rooms)])
    assert process.store.writer.topics_dropped == 98 - 64
    assert len(await position(process, "7.ios")) == 64


async def test_who_loses_every_race_is_told_so(system: System) -> None:
    (process,) = await with_stores(system, 1)
    views = process.store.views.positions
    await views.reader.stop()  # the view never learns what is there
    subject = views.head + "7.ios"
    value = DevicePosition(mid=7, device="ios").SerializeToString()
    await write_one(system.bus, Put(subject, value))
    views.barrier.wait = _passed  # type: ignore[method-assign]
    with pytest.raises(PositionsContended):
        await process.store.writer.save([("7.ios", {"room.chat.1": 3})])


async def _passed(seconds: float) -> int:
    return 0


async def test_nats_going_away_fails_the_save(server: NatsServer, own_system: System) -> None:
    (process,) = await with_stores(own_system, 1)
    server.kill()
    with pytest.raises(BusError):
        await process.store.writer.save([("7.ios", {"room.chat.1": 3})])
    await server.start()


async def test_when_too_many_wait_more_are_told_to_come_later(system: System) -> None:
    (process,) = await with_stores(system, 1)
    writer = process.store.writer
    writer._waiting = {str(number): _Change({}) for number in range(MOST_WAITING)}
    request = PositionRequest(positions=[DevicePosition(mid=7, device="ios")])
    reply = await system.ask("position", request, PositionReply)
    assert (reply.error.code, reply.error.retry) == (503, "later")
    writer._waiting = {}


async def test_a_position_on_its_way_to_the_disk_counts_for_a_device_that_is_back_already(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    (process,) = await with_stores(system, 1)
    sequence = await system.publish("member.7", b"x")
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def write_late(bus: Bus, puts: list[Put]) -> int:
        begun.set()
        await let_go.wait()
        return await write_batch(bus, puts)

    monkeypatch.setattr(position_writer, "write_batch", write_late)
    saving = asyncio.ensure_future(process.store.writer.save([("7.ios", {"member.7": sequence})]))
    await begun.wait()
    page = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
    assert (list(page.messages), page.started_after) == ([], sequence)
    let_go.set()
    await saving
