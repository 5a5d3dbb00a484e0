"""EDGE Redis: whether members are online, when they were seen last, and with which devices."""

from collections.abc import Sequence
from typing import Any

from router.directory import Directory
from router.errors import RequestRefused
from router.rows import decode_row, decode_seen, gateway_of
from schemas.messages_pb2 import (
    Device,
    MemberPresence,
    MembersReply,
    MembersRequest,
    Session,
)

MOST_DEVICES = 50  # told of one member, the oldest


class Members:
    """Answers `goim.presence.members`, in two round trips for all of a request's members."""

    def __init__(self, directory: Directory) -> None:
        self.redis = directory.redis
        self.keys = directory.keys
        self.settings = directory.settings

    async def members(self, request: MembersRequest) -> MembersReply:
        """The presence of each member asked for, in that order, as the events have told it.

        Raises RequestRefused for too many or none, PresenceAway.
        """
        mids = list(dict.fromkeys(request.mids))
        if not 1 <= len(mids) <= self.settings.members_most:
            raise RequestRefused(f"1 to {self.settings.members_most} mids in one request")
        if min(mids) <= 0:
            raise RequestRefused("mids are over 0: a member of 0 or less is nobody in particular")
        return MembersReply(members=await self._members(mids))

    async def _members(self, mids: list[int]) -> list[MemberPresence]:
        keys = self.keys
        (seconds, micros), is_told, told, *answers = await self.redis.run(
            [
                ("TIME",),
                ("EXISTS", keys.told),
                ("HMGET", keys.online, *mids),
                *(("GET", keys.seen(mid)) for mid in mids),
                *(("SMEMBERS", keys.member(mid)) for mid in mids),
            ]
        )
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        sessions = await self._sessions(answers[len(mids) :])
        found = []
        for mid, since, last, held in zip(mids, told, answers, sessions, strict=False):
            is_online = since is not None if is_told else bool(held)
            found.append(_presence(mid, is_online, now_ms, last, held))
        return found

    async def _sessions(self, names: Sequence[Any]) -> list[list[Session]]:
        """Return the sessions of each member, oldest first."""
        asked = [name.decode() for one in names for name in one]
        rows = iter(
            await self.redis.run(
                ("HGET", self.keys.sessions(gateway_of(name)), name) for name in asked
            )
            if asked
            else ()
        )
        found = []
        for one in names:
            pairs = [(name.decode(), next(rows)) for name in one]
            sessions = [decode_row(name, row) for name, row in pairs if row is not None]
            found.append(sorted(sessions, key=lambda session: (session.since_ms, session.session)))
        return found


def _presence(
    mid: int, is_online: bool, now_ms: int, last: bytes | None, held: list[Session]
) -> MemberPresence:
    presence = MemberPresence(mid=mid, online=is_online)
    if is_online:
        presence.last_seen_ms = now_ms
        for one in held[:MOST_DEVICES]:
            presence.devices.append(
                Device(device=one.device, platform=one.platform, since_ms=one.since_ms)
            )
    elif last is not None:
        seen = decode_seen(last)
        presence.last_seen_ms = seen.time_ms
        if seen.since_ms:
            presence.devices.append(
                Device(device=seen.device, platform=seen.platform, since_ms=seen.since_ms)
            )
    return presence
