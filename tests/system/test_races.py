"""A message that is published while its member is on its way arrives once, and in order."""

import secrets

from bus.connection import Bus
from bus.settings import BusSettings
from chaos.racer import KINDS, Place
from chaos.races import run_races
from tests.system.running_system import RunningSystem

RACES = 150
SEED = 1


async def test_what_is_published_on_the_way_arrives_once(system: RunningSystem) -> None:
    bus = await Bus.connect(BusSettings(nats_url=system.nats_url), "races")
    place = Place(bus, {"ws": system.port, "tcp": system.tcp_port}, lambda mid, room: "")
    figures = await run_races(place, RACES, SEED, 1 + secrets.randbelow(2**40))
    await bus.drain()
    assert figures.findings == []
    assert figures.received == figures.published > 2 * RACES
    assert figures.races == dict.fromkeys(KINDS, RACES // len(KINDS))
    assert figures.logins > RACES
