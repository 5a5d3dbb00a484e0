"""Devices that leave a gateway: where they are is told when it is known."""

import asyncio

import pytest

from schemas.messages_pb2 import (
    DevicePosition,
    LeavingNotice,
    TopicMessages,
    Want,
)
from store import leaving
from tests.store.harness import StoreProcess, System
from tests.until import until

WANT = Want(topic="member.7", mid=7, device="ios")
LATER = (503, "later")


async def tell(system: System, seconds: int, *devices: str) -> None:
    """Tell all stores that devices leave, or with 0 that they have left."""
    named = [DevicePosition(mid=7, device=device) for device in devices]
    notice = LeavingNotice(devices=named, seconds=seconds)
    system.bus.publish(system.subjects.rpc("store", "leaving"), notice.SerializeToString())
    await system.bus.flush()
    for process in system.stores:
        await process.bus.flush()


async def answers(system: System) -> list[TopicMessages]:
    """Ask often enough to hear from each of two stores."""
    return [await system.replay_one(WANT) for _ in range(10)]


def refusal(page: TopicMessages) -> tuple[int, str]:
    return page.error.code, page.error.retry


def waits(process: StoreProcess) -> bool:
    """Tell whether a request waits for a device."""
    return any(one.give_up_at for one in process.store.leaving._leavers.values())


async def test_where_a_device_is_that_leaves_is_told_by_no_store_before_it_has_left(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "GIVE_UP_SECONDS", 60.0)
    for _ in range(2):
        await system.start_store()
    sequence = await system.publish("member.7", b"x")
    await tell(system, 60, "ios", "web")
    assert {refusal(page) for page in await answers(system)} == {LATER}
    assert sum(one.store.leaving.deferred for one in system.stores) == 10
    other = await system.replay_one(Want(topic="member.7", mid=7, device="android"))
    assert [one.sequence for one in other.messages] == [sequence]
    known = await system.replay_one(Want(topic="member.7", mid=7, has_after=True, after=0))
    assert [one.sequence for one in known.messages] == [sequence]
    assert (await system.save(7, "ios", {"member.7": sequence})).saved == 1
    await tell(system, 0, "ios")
    for page in await answers(system):
        assert (refusal(page), list(page.messages)) == ((0, ""), [])
        assert page.started_after == sequence
    assert [one.store.leaving.left for one in system.stores] == [1, 1]


async def test_a_request_waits_a_little_for_a_device_to_leave(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "HOLD_SECONDS", 60.0)
    process = await system.start_store()
    sequence = await system.publish("member.7", b"x")
    await tell(system, 60, "ios")
    asking = asyncio.ensure_future(system.replay_one(WANT))
    await until(lambda: waits(process))
    await tell(system, 60, "ios")  # by another gateway
    await system.save(7, "ios", {"member.7": sequence})
    assert not asking.done()
    await tell(system, 0, "ios")
    assert list((await asking).messages) == []


async def test_a_device_that_never_leaves_is_not_waited_for_without_end(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "GIVE_UP_SECONDS", 0.0)
    process = await system.start_store()
    sequence = await system.publish("member.7", b"x")
    await tell(system, 60, "ios")
    assert [one.sequence for one in (await system.replay_one(WANT)).messages] == [sequence]
    assert process.store.leaving.given_up == 1


async def test_what_is_over_or_too_much_is_let_go(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "MOST_LEAVING", 2)
    process = await system.start_store()
    await tell(system, 60, "a", "b", "c")
    leavers = process.store.leaving._leavers
    assert list(leavers) == ["7.a", "7.b"]
    assert process.store.leaving.unlisted == 1
    leavers["7.a"].until = 0.0
    await tell(system, 60, "d")
    assert list(leavers) == ["7.b", "7.d"]


async def test_a_notice_that_makes_no_sense_changes_nothing(system: System) -> None:
    process = await system.start_store()
    for payload in (b"\xff", LeavingNotice(devices=[DevicePosition()]).SerializeToString()):
        system.bus.publish(system.subjects.rpc("store", "leaving"), payload)
    await system.bus.flush()
    await process.bus.flush()
    assert process.store.leaving._leavers == {}
    assert process.bus.callback_errors == 0
