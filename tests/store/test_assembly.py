"""Whole store processes: restarts, several at once, NATS killed under them."""

import asyncio

import pytest

from schemas.messages_pb2 import ReplayReply, ReplayRequest, Want
from tests.bus.servers import NatsServer
from tests.store.harness import PATIENT_SECONDS, System, bodies, reconnection
from tests.until import until


async def test_a_store_restarted_in_the_middle_goes_on_where_the_other_was(
    system: System,
) -> None:
    system.more_settings["page_messages"] = 100
    process = await system.start_store()
    mine = [b"%d" % number for number in range(1000)]
    await system.publish_many(["member.7"] * 1000, mine)
    got: list[bytes] = []
    want = Want(topic="member.7", mid=7, device="ios")
    while True:
        page = await system.replay_one(want)
        got += bodies(page.messages)
        await system.save(7, "ios", {"member.7": page.reached})
        if not page.more:
            break
        await system.stop_store(process)
        process = await system.start_store()
    assert got == mine


async def test_two_stores_give_the_same_answers(system: System) -> None:
    for _ in range(2):
        await system.start_store()
    await system.publish_many(["member.7"] * 50, [b"%d" % one for one in range(50)])
    want = Want(topic="member.7", has_after=True, after=10)
    replies = await asyncio.gather(*[system.replay(want) for _ in range(40)])
    assert all(reply == replies[0] for reply in replies)
    answered = [process.store.service.wants for process in system.stores]
    assert all(answered)
    assert sum(answered) == 40


async def test_a_store_that_stops_finishes_what_it_has_begun(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.service.STOP_SECONDS", 30.0)
    monkeypatch.setattr("bus.connection.DRAIN_SECONDS", 30.0)
    one, two = await system.start_store(), await system.start_store()
    await system.publish_many(["member.7"] * 500, [b"x" * 100] * 500)
    want = Want(topic="member.7", has_after=True, after=0)
    asking = [asyncio.create_task(system.replay(want)) for _ in range(60)]
    await until(lambda: one.store.service.wants > 0)
    await system.stop_store(one)
    pages = [reply.topics[0] for reply in await asyncio.gather(*asking)]
    assert all(len(page.messages) == 500 for page in pages)
    assert two.store.service.wants < 60


async def test_after_nats_was_killed_nothing_is_lost(
    server: NatsServer, own_system: System
) -> None:
    system = own_system
    process = await system.start_store()
    await system.publish_many(["member.7"] * 100, [b"%d" % one for one in range(100)])
    await system.save(7, "ios", {"member.7": 40})
    for turn in range(2):
        backs = [reconnection(process.bus), reconnection(system.bus)]
        server.kill()
        reply = await _ask_while_away(system)
        assert reply is None
        await server.start()
        await asyncio.gather(*backs)
        await process.bus.flush()
        page = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
        assert bodies(page.messages) == [b"%d" % one for one in range(40, 100 + turn)]
        await system.publish("member.7", b"%d" % (100 + turn))


async def _ask_while_away(system: System) -> ReplayReply | None:
    try:
        return await system.ask("replay", ReplayRequest(wants=[Want(topic="all")]), ReplayReply)
    except Exception:  # noqa: BLE001 - any refusal will do, an answer will not
        return None


async def test_a_view_that_cannot_catch_up_is_told_as_come_later(system: System) -> None:
    process = await system.start_store()
    await process.store.views.topics["MEMBER"].reader.stop()
    await system.publish("member.7", b"x")
    process.store.service._seconds = 0.1  # enough to wait for what never comes
    reply = await system.replay(Want(topic="member.7"))
    assert (reply.error.code, reply.error.retry) == (503, "later")
    process.store.service._seconds = PATIENT_SECONDS
    assert not (await system.replay(Want(topic="all"))).error.code
