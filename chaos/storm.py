"""EDGE a reconnect storm: a gateway worker dies, and all of its clients come back at once.

`run_storm` kills a worker, publishes what its clients miss, and lets them all come back; then it
looks whether everybody has everything, once and in order. `run_crowded` compares how
long live pushes take before and while half-open sockets and clients that never read are there too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import structlog

from bus.connection import Bus
from bus.errors import BusError, RpcError
from bus.replies import read_reply
from chaos.crowd import OPERATION, Guest, log_all_in, open_halfway
from schemas.messages_pb2 import PushReply, PushRequest

log = structlog.get_logger()

AT_ONCE = 256  # logins
MIDS_IN_A_PUSH = 1000
PUSHES_AT_ONCE = 8
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 240.0
BEAT_SECONDS, BEATS_IN_A_TURN = 20.0, 50  # each beats once in so long; so many at once
LINGER_SECONDS = 1.0  # for what comes once more
ACKNOWLEDGED_SECONDS = 3.0  # until positions are saved
PROBES, PROBE_SECONDS = 200, 0.01  # live pushes of one measurement, and between two of them
ROUNDS = 5
PUSH_SECONDS = 30.0
FLOOD_MESSAGES, FLOOD_BYTES = 60, 4000  # more than all buffers of one who never reads


@dataclass
class StormFigures:
    """What was seen."""

    clients: int = 0
    missed_each: int = 0
    lost_connections: int = 0
    back_seconds: float = 0.0  # until all were logged in again
    complete_seconds: float = 0.0  # until all had everything
    slowest_login_seconds: float = 0.0
    login_p99_seconds: float = 0.0
    incomplete: int = 0
    wrong_order: int = 0  # clients with a repeat, or a message before an earlier one
    live_p99_alone_ms: float = 0.0
    live_p99_crowded_ms: float = 0.0
    rise: float = 0.0  # the quotient of the two, less 1
    half_open: int = 0
    readers_that_never_read: int = 0
    first: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """True when everybody has everything, once and in order."""
        return not self.incomplete and not self.wrong_order

    def row(self) -> dict[str, Any]:
        """Return all of it as it is written to a file."""
        names = self.__dataclass_fields__
        values = {name: getattr(self, name) for name in names}
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in values.items()
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system is, and what kills one of its gateway workers."""

    port: int
    tcp_port: int
    kill_worker: Callable[[], object]


class Storm:
    """The clients of a run."""

    def __init__(
        self, place: Place, bus: Bus, clients: int, token_of: Callable[[int], str]
    ) -> None:
        self._place = place
        self._bus = bus
        self._port = place.tcp_port
        self.figures = StormFigures(clients=clients)
        self.guests = [Guest(mid, token_of(mid)) for mid in range(1, clients + 1)]
        self._beating: asyncio.Task[None] | None = None

    async def run_storm(self, missed: int) -> None:
        """Log all in, kill a worker, publish, let its clients come back, and look."""
        figures, guests = self.figures, self.guests
        figures.missed_each = missed
        self._beating = asyncio.create_task(self._keep_beating())
        await log_all_in(guests, self._port, AT_ONCE)
        await _until(lambda: all(guest.live for guest in guests if guest.connected))
        await self._push(guests, 0)
        await log_all_in([guest for guest in guests if not guest.connected], self._port, AT_ONCE)
        await _until(lambda: all(guest.complete for guest in guests))
        for guest in guests:
            guest.beat()
        await asyncio.sleep(ACKNOWLEDGED_SECONDS)
        self._place.kill_worker()
        await asyncio.sleep(LINGER_SECONDS)
        gone = [guest for guest in guests if not guest.connected]
        figures.lost_connections = len(gone)
        for number in range(1, missed + 1):
            await self._push(guests, number)
        began = time.monotonic()
        await log_all_in(gone, self._port, AT_ONCE)
        figures.back_seconds = time.monotonic() - began
        with suppress(TimeoutError):
            await _until(lambda: all(guest.complete for guest in guests))
        await asyncio.sleep(LINGER_SECONDS)
        figures.complete_seconds = max(guest.complete_at for guest in guests) - began
        logins = [guest.login_seconds for guest in gone]
        figures.slowest_login_seconds = max(logins, default=0.0)
        figures.login_p99_seconds = percentile(logins, 0.99)
        for guest in guests:
            figures.incomplete += not guest.complete
            figures.wrong_order += not guest.in_order
            if not (guest.complete and guest.in_order):
                figures.first.append(f"member {guest.mid}: {guest.received} of {guest.expected}")
        del figures.first[20:]

    async def run_crowded(self, half_open: int, share: float) -> None:
        """Compare live pushes alone and beside half-open sockets and readers that never read."""
        figures = self.figures
        count = max(1, round(len(self.guests) * share))
        stuck, others = self.guests[:count], self.guests[count:]
        figures.half_open, figures.readers_that_never_read = half_open, count
        alone: list[float] = []
        crowded: list[float] = []
        for guest in stuck:
            guest.on_message = _ignore
        for _ in range(ROUNDS):
            alone.append(await self._measure(others, stuck))
        await self._stop_reading(stuck)
        for _ in range(ROUNDS):
            halves = await open_halfway(half_open, self._place.port)
            await asyncio.sleep(LINGER_SECONDS)  # they are there, and not yet given up
            crowded.append(await self._measure(others, stuck))
            for transport in halves:
                transport.abort()
        figures.live_p99_alone_ms = median(alone) * 1e3
        figures.live_p99_crowded_ms = median(crowded) * 1e3
        figures.rise = median(crowded) / median(alone) - 1

    def end(self) -> None:
        """Close all clients."""
        if self._beating is not None:
            self._beating.cancel()
        for guest in self.guests:
            guest.end()

    async def _keep_beating(self) -> None:
        """Let everybody tell now and then that it is there."""
        while True:
            for number, guest in enumerate(self.guests):
                guest.beat()
                if number % BEATS_IN_A_TURN == 0:
                    await asyncio.sleep(BEAT_SECONDS * BEATS_IN_A_TURN / len(self.guests))

    async def _stop_reading(self, guests: list[Guest]) -> None:
        """Let these never read again, and have more for them than their sockets take."""
        for guest in guests:
            guest.stop_reading()
        for _ in range(FLOOD_MESSAGES):
            for guest in guests:
                self._push_now(guest.mid, FLOOD_BYTES)
            await self._bus.flush()

    async def _measure(self, guests: list[Guest], stuck: list[Guest]) -> float:
        """Return the p99 of the time from a push to its delivery, in seconds.

        As much is pushed to `stuck`.
        """
        delays: list[float] = []

        def note(guest: Guest, body: bytes) -> None:
            delays.append(time.monotonic() - float(body))

        chosen = guests[:: max(1, len(guests) // PROBES)][:PROBES]
        for guest in chosen:
            guest.on_message = note
        for number, guest in enumerate(chosen):
            self._push_now(guest.mid)
            self._push_now(stuck[number % len(stuck)].mid)
            await asyncio.sleep(PROBE_SECONDS)
        await _until(lambda: len(delays) >= len(chosen))
        for guest in chosen:
            guest.on_message = None
        return percentile(delays, 0.99)

    def _push_now(self, mid: int, size: int = 0) -> None:
        subject = self._bus.subjects.push(f"member.{mid}", OPERATION)
        self._bus.publish(subject, b"%.6f" % time.monotonic() + b" " * size)

    async def _push(self, guests: list[Guest], number: int) -> None:
        """Store a message for each."""
        chunks = iter(
            [guests[at : at + MIDS_IN_A_PUSH] for at in range(0, len(guests), MIDS_IN_A_PUSH)]
        )
        for guest in guests:
            guest.expected += 1
        await _together(self._push_chunks(chunks, number) for _ in range(PUSHES_AT_ONCE))

    async def _push_chunks(self, chunks: Iterator[list[Guest]], number: int) -> None:
        subject = self._bus.subjects.rpc("pushes", "mids")
        for chunk in chunks:
            mids = [guest.mid for guest in chunk]
            name = f"storm-{number}-{mids[0]}"
            request = PushRequest(operation=OPERATION, body=b"%d" % number, mids=mids, id=name)
            payload, stored = request.SerializeToString(), False
            while not stored:
                try:
                    read_reply(await self._bus.call(subject, payload, PUSH_SECONDS), PushReply)
                    stored = True
                except (BusError, RpcError) as error:
                    log.warning("push_again", error=str(error))


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample that this share of all is not above; 0 without samples."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _ignore(guest: Guest, body: bytes) -> None:
    """Take it for read."""


async def _together(works: Iterator[Awaitable[None]]) -> None:
    await asyncio.gather(*works)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SETTLE_SECONDS):
        while not condition():  # noqa: ASYNC110 - many to look at
            await asyncio.sleep(LOOK_SECONDS)
