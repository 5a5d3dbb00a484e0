"""The parts of a store process, put together."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Protocol

import structlog

from bus.connection import Bus
from bus.errors import BusError
from bus.service import Service
from schemas.policies import Policy
from store.arrivals import Arrivals
from store.bus import MOST_REQUESTS, StoreService
from store.cache import MessageCache
from store.clock import Clock, ServerClock
from store.definitions import Storage
from store.deletions import Deletions
from store.leaving import Leaving
from store.metrics import StoreReadings
from store.position_writer import PositionWriter
from store.read_service import ReadService
from store.reading import MessageReader
from store.retention import Retention
from store.settings import Settings
from store.stream import Streams, fitting_bytes
from store.sweeper import Sweeper
from store.views import Views

log = structlog.get_logger()

VERSION = "0.1.0"
RETRY_SECONDS = 0.5


class Policies(Protocol):
    """Where the policies come from (bus/policies.py)."""

    def of(self, room_type: str) -> Policy:
        """Return the policy of a room type."""

    def types(self) -> Iterable[str]:
        """Return the room types that are described."""


class Store:
    """One store process on a connected bus; its clock is NATS's if no other is given."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        policies: Policies,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or ServerClock(bus, f"KV_{bus.subjects.bucket('TRIMMED')}")
        self.retention = Retention(policies.of)
        cache = MessageCache(settings.cache_bytes, settings.cache_seconds)
        self.messages = MessageReader(bus, cache)
        self.arrivals = Arrivals(bus, cache)
        self.deletions = Deletions(bus, cache)
        self.views = Views(bus, self.retention, cache.clear, settings.forget_seconds)
        self.streams = Streams(bus, storage_of(bus, settings), self.retention)
        self.sweeper = Sweeper(
            bus,
            self.views,
            self.streams,
            self.retention,
            partial(described, policies),
            self._clock,
            settings.sweep_seconds,
        )
        self.writer = PositionWriter(
            bus, self.views.positions, self.views.end_of, self._clock, settings.wait_seconds
        )
        self.leaving = Leaving(bus)
        self.service = StoreService(
            self.views,
            self.messages,
            self.writer,
            self.leaving,
            settings.page_messages,
            fitting_bytes(settings.page_bytes, bus.client.max_payload),
            settings.wait_seconds,
            self._clock,
        )
        self.reading = ReadService(bus, self.views, self.writer, settings.wait_seconds, self._clock)
        self.readings = StoreReadings(
            self.views,
            self.messages,
            self.arrivals,
            self.writer,
            self.streams,
            self.sweeper,
            self.service,
            self.reading,
            self.leaving,
        )
        self._bus = bus
        self._policies = policies
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self, service: Service) -> None:
        """Make the streams, build the views, then answer requests; waits for NATS without end."""
        started = time.monotonic()
        await self.streams.ensure_patiently(described(self._policies))
        await self._synchronize()
        self.arrivals.start()
        self.deletions.start()
        self.leaving.start()
        self.views.start()
        await self.views.build()
        self.service.serve(service, self._bus.subjects)
        self.reading.serve(service, self._bus.subjects)
        self._sweeping = asyncio.create_task(self.sweeper.run(), name="sweep")
        with suppress(BusError):  # NATS is told again when it is back
            await self._bus.flush()
        messages = sum(view.index.messages for view in self.views.topics.values())
        seconds = round(time.monotonic() - started, 3)
        devices = len(self.views.positions.table)
        log.info("store_ready", messages=messages, devices=devices, seconds=seconds)

    def problems(self) -> list[str]:
        """Return why the store can't answer now, as sentences."""
        return [] if self._sweeping is not None else ["the views are being built"]

    async def _synchronize(self) -> None:
        """Set the clock, however long NATS is away: without it all retention would be off."""
        while True:
            try:
                await self._clock.synchronize()
                return
            except BusError as error:
                log.warning("clock_not_set_yet", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def stop(self) -> None:
        """End what runs for itself; requests should have ended before."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        self.arrivals.stop()
        self.deletions.stop()
        self.leaving.stop()
        await self.views.stop()


def make_service(bus: Bus) -> Service:
    """Return the micro service that a store answers as."""
    return Service(bus, "store", VERSION, "Replays, history, positions", MOST_REQUESTS)


def described(policies: Policies) -> list[Policy]:
    """Return the policies that the streams must be able to keep."""
    return [policies.of(room_type) for room_type in policies.types()]


def storage_of(bus: Bus, settings: Settings) -> Storage:
    """Return what all streams have in common, as far as the connected server carries it."""
    return Storage(
        replicas=settings.replicas,
        message_bytes=fitting_bytes(settings.message_bytes, bus.client.max_payload),
        grace_seconds=settings.grace_seconds,
        forget_seconds=settings.forget_seconds,
        event_seconds=settings.event_seconds,
        dedupe_seconds=settings.dedupe_seconds,
    )
