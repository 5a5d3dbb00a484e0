import asyncio
from typing import Any

import pytest

from bus.connection import Bus
from bus.errors import BusError, ReaderBehind, RequestTimeout
from bus.stream_api import request_api
from store.barrier import Barrier
from store.errors import StreamWentBack
from tests.bus.servers import NatsServer
from tests.store.harness import System, reconnection


async def test_all_of_one_turn_share_one_question(system: System) -> None:
    process = await system.start_store()
    barrier = process.store.views.topics["ROOM"].barrier
    asked = barrier.questions
    sequence = await system.publish("room.chat.1", b"x")
    found = await asyncio.gather(*[barrier.wait(30) for _ in range(100)])
    assert found == [sequence] * 100
    assert barrier.questions == asked + 1


async def test_who_comes_while_a_question_is_on_its_way_gets_a_newer_answer(
    system: System,
) -> None:
    process = await system.start_store()
    barrier = process.store.views.topics["ROOM"].barrier
    last = 0
    for _ in range(20):
        early = asyncio.create_task(barrier.wait(30))
        sequence = await system.publish("room.chat.1", b"x")
        late = asyncio.create_task(barrier.wait(30))
        assert await late >= sequence
        assert await early >= last
        last = sequence
    assert process.store.views.topics["ROOM"].end >= last


class StuckReader:
    """A view that does not move."""

    def __init__(self, stream: str, reached: int) -> None:
        self.stream = stream
        self.reached = reached

    async def wait_for(self, sequence: int, seconds: float) -> None:
        if sequence > self.reached:
            raise ReaderBehind(self.stream, sequence, self.reached, seconds)


def stuck(system: System, reached: int) -> Barrier:
    reader: Any = StuckReader(system.subjects.stream("ROOM"), reached)
    return Barrier(system.bus, reader)


async def test_a_view_that_stays_behind_is_an_error(system: System) -> None:
    await system.start_store()
    await system.publish("room.chat.1", b"x")
    barrier = stuck(system, 0)
    with pytest.raises(ReaderBehind):
        await barrier.wait(0.1)
    assert (barrier.passed, barrier.failed) == (0, 1)


async def test_a_stream_that_ends_before_what_was_read_is_an_error(system: System) -> None:
    await system.start_store()
    with pytest.raises(StreamWentBack):
        await stuck(system, 500).wait(1)


async def test_a_server_that_does_not_answer_is_waited_for_only_so_long(
    server: NatsServer, own_system: System
) -> None:
    process = await own_system.start_store()
    server.freeze()
    with pytest.raises(RequestTimeout):
        await process.store.views.topics["ROOM"].barrier.wait(0.05)
    server.thaw()


async def test_a_question_without_an_answer_is_asked_again(
    server: NatsServer, own_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await own_system.start_store()
    barrier = process.store.views.topics["ROOM"].barrier
    asked: list[float] = []

    async def forgetful(bus: Bus, subject: str, body: dict[str, Any], seconds: float) -> Any:
        asked.append(seconds)
        if len(asked) < 3:
            raise RequestTimeout(subject, seconds)
        return await request_api(bus, subject, body, seconds)

    monkeypatch.setattr("store.barrier.request_api", forgetful)
    assert await barrier.wait(30) == 0
    assert asked == [1.0, 1.0, 1.0]


async def test_after_nats_was_away_the_barrier_passes_again(
    server: NatsServer, own_system: System
) -> None:
    process = await own_system.start_store()
    barrier = process.store.views.topics["ROOM"].barrier
    back = reconnection(process.bus)
    server.kill()
    with pytest.raises(BusError):
        await barrier.wait(30)
    await server.start()
    await back
    assert await barrier.wait(30) == 0
