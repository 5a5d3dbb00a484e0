"""EDGE all parts of one router, joined; and how they end."""

import asyncio
from collections.abc import Callable

import structlog

from bus.connection import Bus
from bus.lifecycle import end_tasks
from bus.metrics import Metrics
from bus.service import Service
from router.bus import RouterBus
from router.directory import Directory
from router.members import Members
from router.presence import Presence
from router.publisher import Publisher
from router.pushing import Pushing
from router.queries import Queries
from router.rates import Rates
from router.readings import total
from router.redis_link import RedisLink
from router.room_part import Rooms
from router.rows import PresenceKeys
from router.session_events import SessionEvents
from router.settings import Settings
from router.undelivered import Undelivered
from router.upstream import Upstream
from schemas.policies import Policy

log = structlog.get_logger()

VERSION = "0.1.0"
DESCRIPTION = "Publishes pushes and what clients send, knows who is connected where"


class Router:
    """One router process on a connected bus; serves from when it is made."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        policy_of: Callable[[str], Policy],
        rooms: Rooms | None = None,
    ) -> None:
        prefix = bus.subjects.prefix
        self.redis = RedisLink(settings.presence)
        keys = PresenceKeys(prefix)
        self.publisher = Publisher(bus, settings.publisher)
        self.rates = Rates(self.redis, keys, settings.limit_modes)
        self.presence = Presence(self.redis, keys, settings.presence)
        self.directory = Directory(self.redis, keys, settings.presence)
        self.session_events = SessionEvents(
            bus, self.redis, keys, self.publisher, settings.presence
        )
        self.rooms = rooms  # None: no room has a record, and none can be opened
        self.upstream = Upstream(
            self.publisher,
            self.rates,
            policy_of,
            settings.max_body_bytes,
            rooms.book if rooms is not None else None,
        )
        self.pushing = Pushing(bus, self.publisher, self.directory, policy_of, settings.push)
        self.undelivered = Undelivered(bus, self.directory, self.publisher, settings.push)
        self.queries = Queries(self.directory, settings.nodes)
        most = 2 * settings.publisher.queue_messages  # upstream refuses before, with words
        self.service = Service(bus, "router", VERSION, DESCRIPTION, most)
        self.endpoints = RouterBus(bus, self.service)
        self._tasks = [
            asyncio.ensure_future(self.presence.sweep_forever()),
            asyncio.ensure_future(self.session_events.run()),
            asyncio.ensure_future(self.undelivered.run()),
        ]
        self._serve()

    def measure(self, metrics: Metrics) -> None:
        """Have every part's counts collected."""
        for part in (self.publisher, self.upstream, self.pushing, self.presence):
            metrics.add(part.readings)
        metrics.add(self.session_events.readings)
        metrics.add(self.undelivered.readings)
        if self.rooms is not None:
            metrics.add(self.rooms.readings)
        metrics.add(self.service.readings)
        metrics.add(self.rates.readings)
        metrics.add(self.redis.readings)
        words = "commands to close replaced sessions"
        metrics.add(lambda: [total("closings", words, self.endpoints.closings)])

    async def drain(self) -> None:
        """Take no more requests, finish those that run and all that waits to be stored."""
        await self.service.stop()
        self.undelivered.stop()
        await self.upstream.flush()
        if self.rooms is not None:
            await self.rooms.drain()
        await end_tasks(self._tasks)
        await self.publisher.flush()
        self.rates.close()
        self.publisher.close()
        await self.redis.close()

    def _serve(self) -> None:
        self.endpoints.serve_pushes(self.pushing)
        self.endpoints.serve_upstream(self.upstream)
        self.endpoints.serve_presence(self.presence, self.session_events)
        self.endpoints.serve_members(Members(self.directory))
        self.endpoints.serve_queries(self.queries)
        if self.rooms is not None:
            self.rooms.serve(self.service)
        self.service.start()
