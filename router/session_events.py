"""EDGE `goim.event.session.<mid>.online|offline`: one event for each edge of a member's presence.

The edges are found inside Redis (`lua/presence.lua`), where all reports of all gateways meet, and
wait there until an event is stored. Any router publishes them, each under an id of its own, so
that two that do so at once, or one that died in between, make no second event: what the stream
has stored, once, is what everybody hears. A Redis that was
emptied or restarted does not know what was told: then nobody is told anything until it has been
read from the events again (told.py).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from secrets import token_hex
from typing import Any

import structlog

from bus.codec import encode_reply
from bus.connection import Bus
from bus.errors import BusError
from bus.metrics import Reading
from router.batches import Outcome
from router.errors import PresenceAway
from router.presence import SCRIPT
from router.publisher import Publisher
from router.readings import total
from router.redis_link import RedisLink
from router.rows import Edge, PresenceKeys, decode_edge, encode_seen
from router.settings import PresenceSettings
from router.told import OFFLINE, Told, read_told
from schemas.messages_pb2 import Device, SessionEvent

log = structlog.get_logger()

AT_ONCE = 1000  # events in one flight, members in one run of the script
READ_SECONDS = 60.0  # to read what was told; a million members take about 20 s
RESTORE_SECONDS = 120.0  # a router that takes longer, or died, leaves it to another
UNTOLD = -1


class SessionEvents:
    """Finds members whose grace is over, and publishes what is to be told."""

    def __init__(
        self,
        bus: Bus,
        redis: RedisLink,
        keys: PresenceKeys,
        publisher: Publisher,
        settings: PresenceSettings,
    ) -> None:
        self.bus = bus
        self.redis = redis
        self.keys = keys
        self.publisher = publisher
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self._waiting = asyncio.Event()
        self._restorable = True

    def notice(self, events: int) -> None:
        """Publish soon when there is something to publish, as a report has told."""
        if events > 0:
            self._waiting.set()

    async def run(self) -> None:
        """Settle and publish, for ever; what fails is tried again `settle_seconds` later."""
        while True:
            try:
                async with asyncio.timeout(self.settings.settle_seconds):
                    await self._waiting.wait()
            except TimeoutError:
                pass
            self._waiting.clear()
            if not await self._step_surely():
                await asyncio.sleep(self.settings.settle_seconds)

    async def step(self) -> bool:
        """Settle once and publish all there is; False: some could not be stored.

        Raises PresenceAway, BusErrors.
        """
        while True:
            events = await self._script("settle", AT_ONCE)
            if events == UNTOLD:
                return await self.restore()
            if events > 0 and not await self.publish():
                return False
            if events < AT_ONCE:
                return True

    async def publish(self) -> bool:
        """Store what waits, oldest first; False: some could not be stored."""
        while True:
            texts = await self.redis.run_one("ZRANGE", self.keys.edges, 0, AT_ONCE - 1)
            flight = take_flight([(text, decode_edge(text)) for text in texts])
            if not flight:
                return True
            outcomes = await asyncio.gather(*(self._store(edge) for _, edge in flight))
            stored = [
                text
                for (text, _), outcome in zip(flight, outcomes, strict=True)
                if outcome.error is None
            ]
            if stored:
                await self.redis.run_one("ZREM", self.keys.edges, *stored)
            if len(stored) < len(flight):
                self.counts["failed"] += len(flight) - len(stored)
                return False

    async def restore(self) -> bool:
        """Give Redis what the events say, unless another router does; False: not yet."""
        owner = token_hex(8)
        taken = await self.redis.run_one(
            *("SET", self.keys.restoring, owner, "NX", "PX", int(RESTORE_SECONDS * 1000))
        )
        if not taken:
            return False
        try:
            told = await read_told(self.bus, READ_SECONDS)
            await self._load(told)
            if not await self._restores(owner):
                return False
            await self._script("told")
        finally:
            if await self._restores(owner):
                await self.redis.run_one("DEL", self.keys.restoring)
        self.counts["restored"] += 1
        log.info("session_events_restored", online=len(told.online), offline=len(told.seen))
        return True

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        for name, words in _COUNTERS:
            yield total(f"session_events_{name}", words, self.counts[name])

    async def _step_surely(self) -> bool:
        try:
            done = await self.step()
        except (PresenceAway, BusError) as error:
            self.counts["steps_failed"] += 1
            if self._restorable:
                log.warning("session_events_wait", error=str(error))
            self._restorable = False
            return False
        self._restorable = True
        return done

    async def _restores(self, owner: str) -> bool:
        """Tell whether it is still this router that restores."""
        return bool(await self.redis.run_one("GET", self.keys.restoring) == owner.encode())

    async def _load(self, told: Told) -> None:
        keys, ttl_ms = self.keys, self.settings.seen_seconds * 1000
        await self.redis.run_one("DEL", keys.online, keys.leaving, keys.edges)
        seen = list(told.seen.items())
        for start in range(0, len(seen), AT_ONCE):
            await self.redis.run(
                ("SET", keys.seen(mid), encode_seen(one), "PX", ttl_ms)
                for mid, one in seen[start : start + AT_ONCE]
            )
        seconds = self.settings.lease_seconds + self.settings.grace_seconds
        online = list(told.online.items())
        for start in range(0, len(online), AT_ONCE):
            pairs = [part for pair in online[start : start + AT_ONCE] for part in pair]
            await self._script("tell", int(seconds * 1000), *pairs)

    async def _store(self, edge: Edge) -> Outcome:
        mid = int(edge.mid)
        event = SessionEvent(what=edge.what, mid=mid, time_ms=edge.time_ms)
        if edge.since_ms:
            event.devices.append(
                Device(device=edge.device, platform=edge.platform, since_ms=edge.since_ms)
            )
        if edge.what == OFFLINE:
            event.last_seen_ms = edge.seen_ms
        subject = self.bus.subjects.tell_session(mid, edge.what)
        identity = f"session.{mid}.{edge.what}.{edge.time_ms}"
        outcome = await self.publisher.store_event(subject, encode_reply(event, True), identity)
        if outcome.error is None and not outcome.duplicate:
            self.counts[edge.what] += 1
        return outcome

    async def _script(self, action: str, *arguments: Any) -> Any:
        return await self.redis.run_one("EVAL", SCRIPT, 1, self.keys.prefix, action, *arguments)


def take_flight(waiting: Sequence[tuple[bytes, Edge]]) -> list[tuple[bytes, Edge]]:
    """Return those from the front that may be stored together: no member twice.

    Of two events in flight at once one could fail and the other not.
    """
    mids: set[str] = set()
    for number, (_, edge) in enumerate(waiting):
        if edge.mid in mids:
            return list(waiting[:number])
        mids.add(edge.mid)
    return list(waiting)


_COUNTERS = (
    ("online", "members that came online"),
    ("offline", "members that went offline"),
    ("failed", "events that could not be stored, and are tried again"),
    ("restored", "times that Redis was told again what events have told"),
    ("steps_failed", "looks for events that Redis or NATS did not answer"),
)
