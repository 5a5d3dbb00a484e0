import asyncio

from bus.connection import Bus
from bus.stream_api import request_api
from schemas.messages_pb2 import Want
from schemas.policies import DEFAULT
from store.batches import Put, write_one
from store.retention import Retention
from store.views import Views
from tests.store.harness import System, bodies
from tests.store.test_stream import streams_of


async def built(bus: Bus) -> Views:
    views = Views(bus, Retention(lambda room_type: DEFAULT), lambda: None, 86_400)
    views.start()
    await views.build()
    return views


async def test_a_view_is_built_from_what_the_stream_holds(system: System) -> None:
    await streams_of(system.bus).ensure([])
    await system.publish_many(["room.chat.1", "room.chat.2"] * 50, [b"x"] * 100)
    views = await built(system.bus)
    index = views.topics["ROOM"].index
    assert index.after("room.chat.1", 0, 1000) == list(range(1, 100, 2))
    assert (views.end_of("ROOM"), views.end_of("MEMBER")) == (100, 0)
    await views.stop()


async def test_a_subject_that_is_no_push_of_ours_is_counted(system: System) -> None:
    await streams_of(system.bus).ensure([])
    await system.bus.call(system.subjects.push("all", "words"), b"x")
    await system.publish("all", b"x")
    views = await built(system.bus)
    view = views.topics["ALL"]
    assert (view.unreadable, view.index.after("all", 0, 9), view.end) == (1, [2], 2)
    await views.stop()


async def test_marks_past_the_end_of_their_stream_are_foreign(system: System) -> None:
    await streams_of(system.bus).ensure([])
    await system.publish("room.chat.1", b"x")
    head = f"$KV.{system.subjects.bucket('TRIMMED')}."
    for key, value in (
        ("room.chat.1", b"900"),
        ("room.chat.2", b"1"),
        ("lost.ROOM", b"words"),
        ("lost.NOTHING", b"5"),
        ("other", b"5"),
    ):
        await write_one(system.bus, Put(head + key, value))
    views = await built(system.bus)
    index = views.topics["ROOM"].index
    assert index.after("room.chat.1", 0, 9) == [1]
    assert index.trimmed_to("room.chat.2") == 1
    assert (views.trimmed.foreign_marks, views.topics["ROOM"].lost_to) == (2, 0)
    await views.stop()


async def test_views_wait_for_streams_that_are_not_there_yet(system: System) -> None:
    views = Views(system.bus, Retention(lambda room_type: DEFAULT), lambda: None, 86_400)
    views.start()
    building = asyncio.create_task(views.build())
    await asyncio.sleep(0)
    await streams_of(system.bus).ensure([])
    await building
    await views.stop()


async def test_a_stream_made_anew_by_others_is_read_anew(system: System) -> None:
    process = await system.start_store()
    await system.publish_many(["member.7"] * 5, [b"old"] * 5)
    want = Want(topic="member.7", has_after=True, after=0)
    assert len((await system.replay_one(want)).messages) == 5
    view = process.store.views.topics["MEMBER"]
    reset = asyncio.Event()
    view._on_reset = reset.set
    name = system.subjects.stream("MEMBER")
    config = (await request_api(system.bus, f"STREAM.INFO.{name}", {}))["config"]
    await request_api(system.bus, f"STREAM.DELETE.{name}", {})
    await request_api(system.bus, f"STREAM.CREATE.{name}", config)
    await system.publish("member.7", b"new")
    for callback in list(process.bus.on_reconnect):
        callback()  # as after a cut; without one, missing heartbeats tell 4 s later
    await reset.wait()
    process.store.messages.cache.clear()
    assert bodies((await system.replay_one(want)).messages) == [b"new"]
    stale = Want(topic="member.7", has_after=True, after=5)  # of the former stream
    assert bodies((await system.replay_one(stale)).messages) == [b"new"]
