"""EDGE Redis: reads who is connected where. Gateways whose lease has ended are not seen.

Every method raises PresenceAway while Redis can't be reached.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from router.presence import sum_counts
from router.redis_link import Command, RedisLink
from router.rows import Leases, PresenceKeys, decode_row, gateway_of, owner_session, read_leases
from router.settings import PresenceSettings
from schemas.messages_pb2 import Node, Session


class Found(NamedTuple):
    """Some of the sessions asked for, oldest first, and how many there are."""

    sessions: list[Session]
    total: int


class Directory:
    """Answers where sessions, members and rooms are, in one or two round trips."""

    def __init__(self, redis: RedisLink, keys: PresenceKeys, settings: PresenceSettings) -> None:
        self.redis = redis
        self.keys = keys
        self.settings = settings

    async def gateways_of_keys(self, keys: list[str]) -> dict[str, list[str]]:
        """Return gateway to the keys connected there; keys that nobody has are left out."""
        leases, owners = await self._with_leases(("HMGET", self.keys.owners, *keys))
        places: dict[str, list[str]] = defaultdict(list)
        for key, owner in zip(keys, owners, strict=True):
            if owner is not None and leases.holds(owner_session(owner)):
                places[gateway_of(owner_session(owner))].append(key)
        return dict(places)

    async def count_members(self, mids: list[int]) -> int:
        """Return how many sessions these members have together."""
        commands = [("SMEMBERS", self.keys.member(mid)) for mid in mids]
        leases, *members = await self._with_leases(*commands)
        return sum(leases.holds(one.decode()) for sessions in members for one in sessions)

    async def absent_members(self, mids: list[int]) -> set[int]:
        """Return those who have no session now."""
        commands = [("SMEMBERS", self.keys.member(mid)) for mid in mids]
        leases, *members = await self._with_leases(*commands)
        return {
            mid
            for mid, sessions in zip(mids, members, strict=True)
            if not any(leases.holds(one.decode()) for one in sessions)
        }

    async def count_rooms(self, rooms: list[str]) -> dict[str, int]:
        """Return the members of each room that has any."""
        gateways = (await self._live()).ends
        if not gateways or not rooms:
            return {}
        commands = [("HMGET", self.keys.rooms(gateway), *rooms) for gateway in gateways]
        return sum_counts(rooms, await self.redis.run(commands))

    async def count_all_rooms(self) -> dict[str, int]:
        """Return the members of every room."""
        gateways = (await self._live()).ends
        totals: dict[str, int] = defaultdict(int)
        if gateways:
            commands = [("HGETALL", self.keys.rooms(gateway)) for gateway in gateways]
            for counts in await self.redis.run(commands):
                for room, number in counts.items():
                    totals[room.decode()] += int(number)
        return dict(totals)

    async def nodes(self) -> list[Node]:
        """Return the live gateways by name, with when they were last heard of."""
        leases, rows = await self._with_leases(("HGETALL", self.keys.nodes))
        lease_ms = self.settings.lease_seconds * 1000
        nodes = []
        for name, row in sorted(rows.items()):
            end = leases.ends.get(name.decode())
            if end is not None:
                node = Node.FromString(row)
                node.seen_ms = int(end - lease_ms)
                nodes.append(node)
        return nodes

    async def count_connections(self) -> int:
        """Return the sessions of the whole cluster."""
        gateways = (await self._live()).ends
        if not gateways:
            return 0
        answers = await self.redis.run([("HLEN", self.keys.sessions(one)) for one in gateways])
        return sum(answers)

    async def find_by_key(self, key: str) -> Found:
        """Return the session that owns a key."""
        leases, owner = await self._with_leases(("HGET", self.keys.owners, key))
        names = [owner_session(owner)] if owner is not None else []
        return await self._find(leases, names, 1)

    async def find_by_member(self, mid: int, most: int) -> Found:
        """Return up to `most` sessions of a member."""
        leases, names = await self._with_leases(("SMEMBERS", self.keys.member(mid)))
        return await self._find(leases, (name.decode() for name in names), most)

    async def find_by_room(self, room: str, most: int) -> Found:
        """Return up to `most` sessions in a room."""
        leases, names = await self._with_leases(("SMEMBERS", self.keys.room(room)))
        return await self._find(leases, (name.decode() for name in names), most)

    async def find_any(self, most: int) -> Found:
        """Return up to `most` sessions, any of them."""
        gateways = (await self._live()).ends
        if not gateways:
            return Found([], 0)
        sessions = [self.keys.sessions(gateway) for gateway in gateways]
        commands: list[Command] = [("HLEN", name) for name in sessions]
        commands += [("HRANDFIELD", name, most, "WITHVALUES") for name in sessions]
        answers = await self.redis.run(commands)
        rows = (row for answer in answers[len(sessions) :] for row in answer)
        found = [decode_row(name.decode(), row) for name, row in islice(rows, most)]
        return Found(_oldest_first(found), sum(answers[: len(sessions)]))

    async def _find(self, leases: Leases, names: Iterable[str], most: int) -> Found:
        live = sorted(name for name in names if leases.holds(name))
        asked = live[:most]
        if not asked:
            return Found([], len(live))
        commands = [("HGET", self.keys.sessions(gateway_of(name)), name) for name in asked]
        rows = zip(asked, await self.redis.run(commands), strict=True)
        found = [decode_row(name, row) for name, row in rows if row is not None]
        return Found(_oldest_first(found), len(live))

    async def _live(self) -> Leases:
        return (await self._with_leases())[0]

    async def _with_leases(self, *commands: Command) -> tuple[Leases, *tuple[Any, ...]]:
        everyone = ("ZRANGE", self.keys.leases, 0, -1, "WITHSCORES")
        time, rows, *answers = await self.redis.run([("TIME",), everyone, *commands])
        return read_leases(time, rows), *answers


def _oldest_first(sessions: list[Session]) -> list[Session]:
    return sorted(sessions, key=lambda one: (one.since_ms, one.session))
