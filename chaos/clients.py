"""EDGE all clients of a run, each in a task of its own, and what is done to many at once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TypeVar

import structlog

from chaos.device import Device
from chaos.library_device import LibraryDevice
from chaos.manners import Day
from chaos.planted import Plant
from chaos.population import Persona
from chaos.world import World
from goimbus.client_errors import ClientError

log = structlog.get_logger()

LOOK_SECONDS = 0.2
T = TypeVar("T")


class Clients:
    """The clients of a run; `failures` are faults of the harness itself."""

    def __init__(self, personas: Sequence[Persona], world: World) -> None:
        plant = Plant(world.plant)
        self.world = world
        self.failures: list[str] = []
        self.days: list[Day] = []
        self.devices: list[Device] = []
        self.library: list[LibraryDevice] = []
        for persona in personas:
            if persona.protocol == "library":
                self.library.append(LibraryDevice(persona, world))
            else:
                device = Device(persona, world, plant)
                self.devices.append(device)
                self.days.append(Day(device))
        self._everybody: list[Day | LibraryDevice] = [*self.days, *self.library]
        self._tasks: set[asyncio.Task[None]] = set()
        self._switching: set[asyncio.Task[None]] = set()

    @property
    def online(self) -> int:
        """How many are logged in, as far as they know."""
        raw = sum(one.is_connected for one in self.devices)
        return raw + sum(one.is_connected for one in self.library)

    @property
    def in_rooms(self) -> Counter[str]:
        """How many are in each room, as far as they know."""
        everybody: list[Device | LibraryDevice] = [*self.devices, *self.library]
        return Counter(room for one in everybody for room in one.heard)

    @property
    def settled(self) -> bool:
        """True when everybody has been in all rooms since the mischief ended."""
        return all(one.settled for one in self._everybody)

    def start(self) -> None:
        """Let them all begin."""
        for one in self._everybody:
            task = asyncio.create_task(one.run())
            self._tasks.add(task)
            task.add_done_callback(self._note_end)

    async def settle(self, seconds: float) -> bool:
        """Let everybody go through all rooms; False when not all could in time."""
        self.world.settling = True
        for device in self.devices:
            device.close_hung()
        for one in self._everybody:
            one.unsettle()
        try:
            async with asyncio.timeout(seconds):
                while not self.settled and not self.failures:  # noqa: ASYNC110 - many to look at
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End them all."""
        self.world.over = True
        for device in self.devices:
            device.cut()
        for task in (*self._tasks, *self._switching):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._switching, return_exceptions=True)

    def cut(self, share: float, seed: int) -> int:
        """Reset this share of the connections; return how many."""
        chosen = _choose([one for one in self.devices if one.is_connected], share, seed)
        for device in chosen:
            device.cut()
        return len(chosen)

    def switch(self, share: float, seed: int) -> int:
        """Let this share of the clients change rooms; return how many."""
        chosen = _choose(self._everybody, share, seed)
        for mover in chosen:
            task = asyncio.create_task(_ignoring_errors(mover))
            self._switching.add(task)
            task.add_done_callback(self._switching.discard)
        return len(chosen)

    def members(self, share: float, seed: int) -> list[int]:
        """Return the mids of this share of the members."""
        mids = sorted({one.log.mid for one in self._everybody})
        return _choose(mids, share, seed)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("client_failed", exc_info=error)
            self.failures.append(repr(error))


async def _ignoring_errors(mover: Day | LibraryDevice) -> None:
    try:
        await mover.switch()
    except ClientError as error:
        mover.world.note_refusal(f"switch: {type(error).__name__}")


def _choose(items: Sequence[T], share: float, seed: int) -> list[T]:
    count = max(1, round(len(items) * share)) if items else 0
    return Random(seed).sample(list(items), count)
