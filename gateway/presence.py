"""EDGE tell the router who is connected here, and learn how many are elsewhere."""

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import read_reply
from gateway.device_policy import ALL
from schemas.messages_pb2 import Node, PresenceReply, PresenceReport, Session
from schemas.wire import entry

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

log = structlog.get_logger()

SOON_SECONDS = 0.01  # after a change, reported together: until then no push finds a new key
SESSIONS_IN_A_REPORT = 2000  # with the rooms below, some 500 KB
SESSION_BYTES_IN_A_REPORT = 400_000  # one that hears many rooms is long
ROOMS_IN_A_REPORT = 4000


class Presence:
    """This gateway's reports, one in flight at a time, so they arrive in order."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._joined: dict[str, bytes] = {}  # encoded Sessions, by id
        self._left: set[str] = set()
        self._known: set[str] = set()  # sessions the router was told of
        self._changed = asyncio.Event()
        self._gone = False
        self._snapshot = True
        self._beat_at = 0.0
        self._watched: deque[str] = deque()  # rooms whose turn is still to come
        self._unavailable = RareLog("presence_unavailable")
        self.elsewhere: dict[str, int] = {}
        self.connections = 0  # of the whole cluster

    def online(self, room: str) -> int:
        """Return the members online in a room, over all gateways; 0 for no room."""
        if not room:
            return 0
        return self._gateway.hub.rooms[room] + self.elsewhere.get(room, 0)

    def note_joined(self, connection: "Connection") -> None:
        """A connection is new, or hears other rooms."""
        self._joined[connection.session_id] = self._session(connection)
        self._changed.set()

    def note_left(self, connection: "Connection") -> None:
        """A connection is gone."""
        session_id = connection.session_id
        self._joined.pop(session_id, None)
        if session_id in self._known:
            self._left.add(session_id)
        self._changed.set()

    async def keep_reporting(self) -> None:
        """Report at every beat, and soon after changes, for ever."""
        seconds = self._gateway.settings.presence_seconds
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
                await asyncio.sleep(SOON_SECONDS)
            except TimeoutError:
                pass
            if not self._gone:
                await self._report()

    async def leave(self) -> None:
        """Tell the router that this gateway ends; nothing is reported after that."""
        self._gone = True
        report = PresenceReport(node=self._node(), leaving=True)
        try:
            await self._gateway.bus.call(self._subject(), report.SerializeToString(), 1.0)
        except BusError as error:
            log.warning("presence_leave_lost", error=str(error))

    def _subject(self) -> str:
        return self._gateway.bus.subjects.rpc("presence", "report")

    async def _report(self) -> None:
        self._changed.clear()
        hub = self._gateway.hub
        snapshot, self._snapshot = self._snapshot, False
        if snapshot:
            self._known.clear()
            self._left.clear()
            everybody = hub.connections.values()
            self._joined = {one.session_id: self._session(one) for one in everybody}
            hub.changed_rooms.update(hub.rooms)
        joined = self._take_joined()
        left, self._left = self._left, set()
        rooms = list(islice(hub.changed_rooms, ROOMS_IN_A_REPORT))
        hub.changed_rooms.difference_update(rooms)
        self._known.update(joined)
        self._known -= left
        watched = self._rooms_to_watch(rooms)
        report = PresenceReport(
            node=self._node(),
            snapshot=snapshot,
            left=left,
            rooms={room: hub.rooms[room] for room in rooms},
            sessions=len(self._known),
            watch=watched,
            sent_ms=int(self._gateway.wall_time() * 1000),
        )
        payload = report.SerializeToString() + b"".join(joined.values())
        try:
            reply = await self._gateway.bus.call(self._subject(), payload)
            answer = read_reply(reply, PresenceReply)
        except (BusError, RpcError) as error:
            self._fail(str(error))
            return
        self._take_counts([*rooms, *watched], dict(answer.elsewhere))
        self.connections = answer.connections
        self._snapshot = self._snapshot or answer.resend
        if self._snapshot or self._joined or hub.changed_rooms:
            self._changed.set()

    def _take_joined(self) -> dict[str, bytes]:
        """Return the sessions of the next report: as many as it has place for, at least one."""
        taken: dict[str, bytes] = {}
        size = 0
        for session_id, session in islice(self._joined.items(), SESSIONS_IN_A_REPORT):
            size += len(session)
            if taken and size > SESSION_BYTES_IN_A_REPORT:
                break
            taken[session_id] = entry(PresenceReport.JOINED_FIELD_NUMBER, session)
        for session_id in taken:
            del self._joined[session_id]
        return taken

    def _rooms_to_watch(self, changed: list[str]) -> list[str]:
        """Return the rooms that changed here and, at a beat, those whose turn it is."""
        hub, now = self._gateway.hub, self._gateway.loop.time()
        rooms = [room for room in changed if room in hub.rooms]
        if now - self._beat_at >= self._gateway.settings.presence_seconds:
            self._beat_at = now
            if not self._watched:
                self._watched.extend(hub.rooms)
            for _ in range(min(len(self._watched), ROOMS_IN_A_REPORT)):
                rooms.append(self._watched.popleft())
        return rooms

    def _take_counts(self, asked: list[str], counts: dict[str, int]) -> None:
        for room in asked:
            if room in counts and room in self._gateway.hub.rooms:
                self.elsewhere[room] = counts[room]
            else:
                self.elsewhere.pop(room, None)

    def _fail(self, words: str) -> None:
        """Nothing is known of what the router has: the next report says everything."""
        self._unavailable.warning(error=words)
        self._gateway.counters.refused["presence_unavailable"] += 1
        self._snapshot = True

    def _session(self, connection: "Connection") -> bytes:
        session = connection.session
        encoded: bytes = Session(
            session=connection.session_id,
            key=session.key,
            mid=session.mid,
            room=session.room,
            platform=session.platform,
            since_ms=session.since_us // 1000,
            since_us=session.since_us,
            device=session.device,
            devices="" if session.devices == ALL else session.devices,
            rooms=session.rooms,
        ).SerializeToString()
        return encoded

    def _node(self) -> Node:
        gateway = self._gateway
        settings = gateway.settings
        return Node(
            gateway=gateway.id,
            hostname=gateway.hostname,
            addresses=settings.public_addresses or (gateway.hostname,),
            tcp_port=max(settings.tcp_port, 0),
            ws_port=settings.port,
            wss_port=max(settings.wss_port, 0),
            weight=settings.weight,
            region=settings.region,
            zone=settings.zone,
            version=gateway.version,
            draining=gateway.draining,
            connections=len(gateway.hub.connections),
            client_addresses=len(gateway.hub.addresses),
        )
