"""EDGE the time, by NATS's clock: the one that stamps messages also tells how old they are.

A clock that is wrong or jumps on the store's own machine can then end no retention early.
"""

import asyncio
from typing import Protocol

from bus.connection import Bus
from bus.stream_api import request_api
from schemas.times import parse_milliseconds


class Clock(Protocol):
    """Tells unix seconds."""

    def __call__(self) -> float:
        """Return the time now."""

    async def synchronize(self) -> None:
        """Set the clock. Raises BusError."""


class ServerClock:
    """NATS's time as last asked for, and carried on by the monotonic clock."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self._bus = bus
        self._stream = stream
        self._monotonic = asyncio.get_running_loop().time
        self._offset = 0.0

    def __call__(self) -> float:
        """Return the server's unix time, to a few milliseconds."""
        return self._offset + self._monotonic()

    async def synchronize(self) -> None:
        """Ask the leader of the stream for its time. Raises BusError."""
        answer = await request_api(self._bus, f"STREAM.INFO.{self._stream}", {})
        server = parse_milliseconds(answer.get("ts", "")) / 1000
        if server:
            self._offset = server - self._monotonic()
