import time

import pytest

from bus.errors import BusError
from store.clock import ServerClock
from tests.store.harness import System
from tests.store.test_stream import streams_of


async def test_the_time_is_that_of_the_server(system: System) -> None:
    await streams_of(system.bus).ensure([])
    clock = ServerClock(system.bus, system.subjects.stream("ALL"))
    await clock.synchronize()
    assert abs(clock() - time.time()) < 5
    first = clock()
    assert clock() >= first


async def test_without_an_answer_the_clock_stays_as_it_was(system: System) -> None:
    clock = ServerClock(system.bus, "NOWHERE")
    with pytest.raises(BusError):
        await clock.synchronize()
    assert clock() < time.time() - 86_400
