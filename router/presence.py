"""EDGE Redis: writes who is connected where, as gateways report it under a lease.

A gateway that is not heard of for `lease_seconds` holds nobody any more: every read checks the
lease, and the janitor removes the rows. Redis may lose everything: a gateway whose rows are not
what it says, or whose Redis was restarted since its snapshot, is asked to send a new one.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from bus.metrics import Reading
from router.errors import PresenceAway, RequestRefused
from router.readings import total
from router.redis_link import Command, RedisLink
from router.rows import PresenceKeys, encode_row, gateway_of, read_leases
from router.settings import PresenceSettings
from schemas.messages_pb2 import PresenceReply, PresenceReport, Session

log = structlog.get_logger()

SCRIPT = (Path(__file__).parent / "lua" / "presence.lua").read_text()
CHUNK = 1000  # sessions in one run of the script, which blocks Redis for about 10 ms
NO_COUNT = -1
CLOCK_TOLERANCE_MS = 1000  # clocks that are kept at all agree better than this


class Reported(NamedTuple):
    """The answer to a report, and the sessions that their gateways must close as REPLACED."""

    reply: PresenceReply
    closing: list[str]
    events: int = 0  # about members, to be published; -1: nobody knows yet what was told


class Presence:
    """Takes reports of gateways, and cleans up behind gateways that are gone."""

    def __init__(self, redis: RedisLink, keys: PresenceKeys, settings: PresenceSettings) -> None:
        self.redis = redis
        self.keys = keys
        self.settings = settings
        self.counts: Counter[str] = Counter()

    async def report(self, report: PresenceReport) -> Reported:
        """Store a report. Raises RequestRefused, PresenceAway; sent again it does no harm."""
        gateway = report.node.gateway
        _check(report)
        self.counts["reports"] += 1
        if report.leaving:
            await self._script("end", gateway)
            await self.clear(gateway)
            return Reported(PresenceReply(), [])
        left = list(report.left)
        if report.snapshot:
            self.counts["snapshots"] += 1
            left += await self._no_longer_there(report)
        answers = await self.redis.run(self._commands(report, left))
        resend, connections, live, _, events, _ = answers[-1]
        closing = sorted({name.decode() for answer in answers for name in answer[3]})
        self.counts["resends"] += resend
        self.counts["replaced"] += len(closing)
        self.counts["switches_refused"] += sum(answer[5] for answer in answers)
        elsewhere = await self._count_elsewhere(report, [name.decode() for name in live])
        reply = PresenceReply(resend=bool(resend), connections=connections, elsewhere=elsewhere)
        return Reported(reply, closing, events)

    async def sweep(self) -> int:
        """Remove what gateways with an ended lease left behind; return how many there were."""
        redis_time, rows = await self.redis.run([("TIME",), _all_leases(self.keys)])
        live = read_leases(redis_time, rows).ends
        ended = [name.decode() for name, _ in rows if name.decode() not in live]
        for gateway in ended:
            removed = await self.clear(gateway)
            self.counts["leases_ended"] += 1
            log.info("gateway_lease_ended", gateway=gateway, sessions=removed)
        return len(ended)

    async def clear(self, gateway: str) -> int:
        """Remove all rows of a gateway unless its lease runs; return how many sessions."""
        sessions = await self.redis.run_one("HKEYS", self.keys.sessions(gateway))
        for chunk in _chunks(list(sessions)):
            if await self._forget(gateway, *chunk) < 0:
                return 0
        if not sessions:
            await self._forget(gateway)
        return len(sessions)

    async def sweep_forever(self) -> None:
        """Sweep every `janitor_seconds`, until cancelled."""
        while True:
            await asyncio.sleep(self.settings.janitor_seconds)
            try:
                await self.sweep()
            except PresenceAway:
                self.counts["sweeps_failed"] += 1

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        for name, words in _COUNTERS:
            yield total(f"presence_{name}", words, self.counts[name])

    def _commands(self, report: PresenceReport, left: list[str]) -> list[Command]:
        """Return the runs of the script that store a report; the last one checks the count."""
        joined = list(_chunks(list(report.joined))) or [[]]
        gone = list(_chunks(left)) or [[]]
        steps: list[tuple[list[Session], list[str], dict[str, int]]] = [
            ([], chunk, {}) for chunk in gone[:-1]
        ]
        steps += [(chunk, [], {}) for chunk in joined[:-1]]
        steps.append((joined[-1], gone[-1], dict(report.rooms)))
        last = len(steps) - 1
        return [
            self._report_command(report, number == 0, number == last, *step)
            for number, step in enumerate(steps)
        ]

    def _report_command(
        self,
        report: PresenceReport,
        first: bool,
        last: bool,
        joined: list[Session],
        left: list[str],
        rooms: dict[str, int],
    ) -> Command:
        late = clock_difference(report.sent_ms, int(time.time() * 1000))
        rows = [part for one in joined for part in (one.session, encode_row(one, late))]
        counts = [part for room in rooms.items() for part in room]
        return (
            *("EVAL", SCRIPT, 1, self.keys.prefix, "report", report.node.gateway),
            int(self.settings.lease_seconds * 1000),
            _snapshot_step(report.snapshot, first),
            report.sessions if last else NO_COUNT,
            report.node.SerializeToString(),
            *(len(joined), len(left), len(rooms)),
            *(*self._grace(), self.settings.switches),
            *rows,
            *left,
            *counts,
        )

    async def _no_longer_there(self, report: PresenceReport) -> list[str]:
        known = await self.redis.run_one("HKEYS", self.keys.sessions(report.node.gateway))
        there = {one.session for one in report.joined}
        return [name.decode() for name in known if name.decode() not in there]

    async def _count_elsewhere(self, report: PresenceReport, live: list[str]) -> dict[str, int]:
        others = [gateway for gateway in live if gateway != report.node.gateway]
        watched = list(report.watch)
        if not others or not watched:
            return {}
        commands = [("HMGET", self.keys.rooms(gateway), *watched) for gateway in others]
        return sum_counts(watched, await self.redis.run(commands))

    async def _forget(self, gateway: str, *sessions: bytes) -> int:
        left: int = await self._script("forget", gateway, *self._grace(), *sessions)
        return left

    def _grace(self) -> tuple[int, int]:
        settings = self.settings
        return int(settings.grace_seconds * 1000), settings.seen_seconds * 1000

    async def _script(self, action: str, *arguments: Any) -> Any:
        return await self.redis.run_one("EVAL", SCRIPT, 1, self.keys.prefix, action, *arguments)


def clock_difference(sent_ms: int, now_ms: int) -> int:
    """Return by how much a gateway's clock is to be corrected, milliseconds.

    What a report is under way is no difference: gateways whose clocks agree keep the exact order
    of logins. A report that does not say when it was sent is taken as right.
    """
    late = now_ms - sent_ms
    return late if sent_ms and abs(late) > CLOCK_TOLERANCE_MS else 0


def sum_counts(rooms: list[str], answers: Iterable[list[bytes | None]]) -> dict[str, int]:
    """Add the gateways' counts of the same rooms; rooms at 0 are left out."""
    totals = [0] * len(rooms)
    for answer in answers:
        for number, value in enumerate(answer):
            if value is not None:
                totals[number] += int(value)
    return {room: total for room, total in zip(rooms, totals, strict=True) if total > 0}


def _snapshot_step(snapshot: bool, first: bool) -> int:
    """Return 0 for a delta, 1 for the first step of a snapshot, 2 for its further steps."""
    if not snapshot:
        return 0
    return 1 if first else 2


def _check(report: PresenceReport) -> None:
    gateway = report.node.gateway
    if not gateway or not gateway.isascii() or any(letter in gateway for letter in ". *>\r\n\t"):
        raise RequestRefused("the report's node.gateway is no subject token")
    for session in report.joined:
        if gateway_of(session.session) != gateway:
            raise RequestRefused(f"session {session.session!r} is not one of gateway {gateway}")


def _all_leases(keys: PresenceKeys) -> Command:
    return ("ZRANGE", keys.leases, 0, -1, "WITHSCORES")


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


_COUNTERS = (
    ("reports", "reports of gateways"),
    ("snapshots", "reports that held everything"),
    ("resends", "answers that asked for a snapshot"),
    ("replaced", "closings of sessions that others took the place of, repeats included"),
    ("switches_refused", "logins refused since a member's devices took turns too often"),
    ("leases_ended", "gateways that were not heard of any more"),
    ("sweeps_failed", "looks for ended leases that Redis did not answer"),
)
