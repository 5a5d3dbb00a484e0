import asyncio

import pytest

from bus.connection import Bus
from bus.errors import NoResponders
from bus.readings import bus_readings


def numbers(bus: Bus) -> dict[str, float]:
    return {
        ".".join((name.removeprefix("goim_nats_"), *values)): number
        for name, _, _, _, rows in bus_readings(bus)
        for values, number in rows
    }


async def test_what_went_in_and_out_is_told(bus: Bus) -> None:
    before = numbers(bus)
    got = asyncio.Event()
    bus.subscribe(f"{bus.settings.prefix}.a", lambda *message: got.set())
    bus.publish(f"{bus.settings.prefix}.a", b"12345")
    await got.wait()
    await bus.flush()
    with pytest.raises(NoResponders):
        await bus.call(f"{bus.settings.prefix}.nobody", b"")
    after = numbers(bus)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown.pop("bytes.in") >= 5
    assert grown == {
        "subscriptions": 1,
        "messages.in": 2,
        "messages.out": 2,
        "bytes.out": 5,
        "requests_failed.no_responders": 1,
    }


async def test_nothing_wrong_reads_as_zero(bus: Bus) -> None:
    told = numbers(bus)
    assert told["connected"] == 1
    for name in (
        "reconnects",
        "away_seconds",
        "dropped.unsent",
        "dropped.overloaded",
        "dropped.slow_consumer",
        "errors.permission",
        "errors.callback",
        "queued_bytes",
        "requests_waiting",
    ):
        assert told[name] == 0
