"""EDGE what a raw client does all day: it stays, flaps, hangs, reads slowly, and acts."""

import asyncio
from collections.abc import Callable

from chaos.device import Device
from chaos.population import FORBIDDEN_ROOM

RETRY_SECONDS = (0.05, 0.8)  # before the next login
TICK_SECONDS = (0.4, 1.2)  # between two actions
STAY_SECONDS = {"flapping": (0.3, 4.0), "half-open": (2.0, 8.0)}
AWAY_SECONDS = {"flapping": (0.0, 2.0), "half-open": (1.0, 5.0)}
SLOW_READ_SECONDS = (0.1, 1.0)
SLOW_BREAK_SECONDS = (0.5, 8.0)
SEND_CHANCE, SWITCH_CHANCE, FORBIDDEN_CHANCE, FURTHER_CHANCE = 0.2, 0.06, 0.01, 0.15
QUIET_SECONDS = 1.5  # nothing came for so long: nothing is on its way
MOST_SETTLE_SECONDS = 20.0  # in one room
LOOK_SECONDS = 0.1


class Day:
    """One device's life, until the run is over."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.world = device.world
        self.log = device.log
        self._random = device.random
        self._unsettled = set(device.persona.rooms)

    @property
    def settled(self) -> bool:
        """True when the device has been in all its rooms since the mischief ended."""
        return self.world.settling and not self._unsettled

    def unsettle(self) -> None:
        """Go through all rooms once more."""
        self._unsettled = set(self._device.persona.rooms)

    async def run(self) -> None:
        """Live it."""
        manner = self._device.persona.manner
        stay = self._stay_slowly if manner == "slow" else self._stay
        while not self.world.over:
            if not await self._device.log_in():
                await self._sleep(RETRY_SECONDS)
                continue
            await stay()
            if self.world.settling:
                await self._settle()
            else:
                await self._leave()
        self._device.close_hung()

    async def _stay(self) -> None:
        """Act until the time is over, the connection ends, or the mischief does."""
        loop = asyncio.get_running_loop()
        seconds = STAY_SECONDS.get(self._device.persona.manner)
        until = loop.time() + self._random.uniform(*seconds) if seconds else None
        while self._device.is_connected and not self.world.settling:
            if until is not None and loop.time() >= until:
                return
            await self._act()
            await self._until_closed(TICK_SECONDS)

    async def _stay_slowly(self) -> None:
        device = self._device
        while device.is_connected and not self.world.settling:
            await self._act()
            await self._until_closed(SLOW_READ_SECONDS)
            connection = device.connection
            if connection is not None and await device.until_answered():
                connection.pause()
                await self._until_closed(SLOW_BREAK_SECONDS)
                connection.resume()

    async def _act(self) -> None:
        """Do one of the things that clients do."""
        device, chance = self._device, self._random.random()
        await device.beat()
        if not device.is_connected:
            return
        if device.sending is not None or chance < SEND_CHANCE:
            await device.send_message()
        elif chance < SEND_CHANCE + SWITCH_CHANCE or not device.room:
            await self.switch()
        elif chance < SEND_CHANCE + SWITCH_CHANCE + FORBIDDEN_CHANCE:
            await device.change_room(FORBIDDEN_ROOM)
        elif device.persona.ext and self._random.random() < FURTHER_CHANCE:
            await self._change_further()

    async def _change_further(self) -> None:
        """Hear one room more, or one less; now and then one that is none of its own."""
        device = self._device
        room = self._random.choice((*device.persona.rooms, FORBIDDEN_ROOM))
        if room in device.further:
            await device.leave_room(room)
        else:
            await device.join_room(room)

    async def switch(self) -> None:
        """Go to another of the device's rooms."""
        rooms = [room for room in self._device.persona.rooms if room != self._device.room]
        if rooms and self._device.is_connected and self._device.sending is None:
            await self._device.change_room(self._random.choice(rooms))

    async def _leave(self) -> None:
        """End the connection in one of the ways of the device's manner, and be away a while."""
        device, manner = self._device, self._device.persona.manner
        if manner == "half-open" and device.is_connected:
            await device.hang()
        elif manner == "flapping" and device.is_connected:
            await self._end()
        await self._sleep(AWAY_SECONDS.get(manner, RETRY_SECONDS))

    async def _end(self) -> None:
        connection = self._device.connection
        assert connection is not None
        ways: list[Callable[[], None]] = [
            connection.finish,
            connection.half_close,
            connection.reset,
        ]
        self._random.choice(ways)()
        try:
            async with asyncio.timeout(MOST_SETTLE_SECONDS):
                await connection.closed.wait()
        except TimeoutError:
            connection.reset()

    async def _settle(self) -> None:
        """Be in each room until all that is due should have come, then stay."""
        device = self._device
        while device.is_connected and not self.world.over:
            if device.sending is not None and device.sending.fits(device.room):
                await device.send_message()
            elif self._unsettled:
                await self._settle_next_room()
            else:
                await device.beat()
            await self._until_closed((LOOK_SECONDS, LOOK_SECONDS))

    async def _settle_next_room(self) -> None:
        device = self._device
        room = device.room if device.room in self._unsettled else min(self._unsettled)
        if room != device.room:
            await device.change_room(room)
        if await self._is_complete(room):
            self._unsettled.discard(room)

    async def _is_complete(self, room: str) -> bool:
        """Wait until the room is live, or quiet for a client that is not told."""
        device, loop = self._device, asyncio.get_running_loop()
        deadline = loop.time() + MOST_SETTLE_SECONDS
        began = self.world.now()
        while device.is_connected and loop.time() < deadline:
            await device.beat()
            quiet = self.world.now() - max(device.last_frame_at, began) > QUIET_SECONDS
            if quiet and (not device.persona.ext or f"room:{room}" in device.live):
                return True
            await self._until_closed((LOOK_SECONDS, LOOK_SECONDS))
        return False

    async def _until_closed(self, bounds: tuple[float, float]) -> None:
        connection = self._device.connection
        if connection is None:
            return
        try:
            async with asyncio.timeout(self._random.uniform(*bounds)):
                await connection.closed.wait()
        except TimeoutError:
            return

    async def _sleep(self, bounds: tuple[float, float]) -> None:
        await asyncio.sleep(self._random.uniform(*bounds))
