"""EDGE the store's requests about what is read and unread, and who a member has talked with.

What a member reads on one device is told to all connections of the member, as a message that is
not stored: the gateways give it to `ext` clients.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from json import dumps

from bus.connection import Bus
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.service import Service
from schemas.headers import SESSION, encode_headers
from schemas.messages_pb2 import (
    ConversationsReply,
    ConversationsRequest,
    ReadReply,
    ReadRequest,
    UnreadRequest,
)
from schemas.operations import Operation
from schemas.reads import read_values
from schemas.subjects import Subjects, member_topic
from store.answers import REFUSED
from store.errors import FieldRefused
from store.position_writer import PositionWriter
from store.positions import MOST_READ, read_key
from store.topics import Kind
from store.unread import (
    Known,
    check_count,
    check_member,
    check_peers,
    newly_read,
    page_of_conversations,
    read_reply,
    room_topics,
)
from store.views import Views

BUSY = 503


class ReadService:
    """Answers `read`, `unread` and `conversations`."""

    def __init__(
        self,
        bus: Bus,
        views: Views,
        writer: PositionWriter,
        wait_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.asked = 0  # rooms and peers whose state was told
        self.moved = 0  # positions of reading that rose
        self.refused_busy = 0
        self.untold = 0  # changes that a member's other connections were not told of
        self._bus = bus
        self._views = views
        self._writer = writer
        self._seconds = wait_seconds
        self._clock = clock
        self._untold_log = RareLog("reads_untold")

    def serve(self, service: Service, subjects: Subjects) -> None:
        """Begin to answer."""
        rpc = subjects.rpc
        service.serve("read", rpc("store", "read"), ReadRequest, ReadReply, self.handle_read)
        service.serve(
            "unread", rpc("store", "unread"), UnreadRequest, ReadReply, self.handle_unread
        )
        service.serve(
            "conversations",
            rpc("store", "conversations"),
            ConversationsRequest,
            ConversationsReply,
            self.handle_conversations,
        )

    async def handle_read(self, request: ReadRequest) -> ReadReply:
        """Keep what is newly read; answer how it stands when that is on disk."""
        mid, peers = request.mid, dict(request.members)
        topics = _checked(mid, request.rooms, peers)
        known = await self._known(mid, topics.values(), peers)
        given = {topics[room]: sequence for room, sequence in request.rooms.items()}
        changes = newly_read(known, given, peers)
        if changes:
            if self._writer.is_full:
                self.refused_busy += 1
                raise RpcError(BUSY, "too many positions wait to be written", "later", "busy")
            await self._writer.save([(read_key(mid), changes)])
            known = self._now_known(mid)
            self.moved += len(changes)
            rooms = [pair for pair in topics.items() if pair[1] in changes]
            read = [peer for peer in peers if member_topic(peer) in changes]
            self._tell(mid, request.session, read_reply(known, rooms, read))
        self.asked += len(topics) + len(peers)
        return read_reply(known, topics.items(), peers)

    async def handle_unread(self, request: UnreadRequest) -> ReadReply:
        """Answer how it stands with rooms and with peers, or all of these."""
        mid, peers = request.mid, list(request.members)
        topics = _checked(mid, request.rooms, peers)
        known = await self._known(mid, topics.values(), peers or request.all_members)
        more = False
        if request.all_members:
            every = known.talks.peers(mid)
            peers += [peer for _, peer in every[:MOST_READ]]
            more = len(every) > MOST_READ
        self.asked += len(topics) + len(peers)
        return read_reply(known, topics.items(), peers, more)

    async def handle_conversations(self, request: ConversationsRequest) -> ConversationsReply:
        """Answer with whom a member has direct messages, the newest first."""
        _checked(request.mid, (), ())
        known = await self._known(request.mid, (), True)
        page, more = page_of_conversations(known, request)
        self.asked += len(page)
        return ConversationsReply(conversations=page, more=more)

    async def _known(self, mid: int, topics: Collection[str], peers: object) -> Known:
        """Return what is known of a member once the views have come far enough."""
        views, kinds = self._views, list[Kind]()
        if topics:
            kinds.append("ROOM")
        if peers:
            kinds.append("MEMBER")
        barriers = [views.topics[kind].barrier for kind in kinds] + [views.positions.barrier]
        await asyncio.gather(*[barrier.wait(self._seconds) for barrier in barriers])
        now = self._clock()
        for topic in topics:
            views.topics["ROOM"].refresh(topic, now)
        if peers:
            views.topics["MEMBER"].refresh(member_topic(mid), now)
        return self._now_known(mid)

    def _now_known(self, mid: int) -> Known:
        views = self._views
        return Known(
            views.topics["ROOM"].index,
            views.last_sent,
            views.conversations,
            mid,
            views.positions.table.topics(read_key(mid)),
            views.end_of("ROOM"),
            views.end_of("MEMBER"),
        )

    def _tell(self, mid: int, session: str, reply: ReadReply) -> None:
        """Tell the member's connections; one that misses it hears the next time it asks."""
        subject = self._bus.subjects.cast(member_topic(mid), Operation.READ_REPLY)
        body = dumps(read_values(reply), ensure_ascii=False).encode()
        try:
            headers = encode_headers({SESSION: session}) if session else None
            self._bus.publish(subject, body, headers=headers)
        except (BusError, ValueError) as error:
            self.untold += 1
            self._untold_log.warning(error=str(error))


def _checked(
    mid: int, rooms: Collection[str], peers: Collection[int] | Mapping[int, int]
) -> dict[str, str]:
    """Return the topics of the rooms. Raises RpcError for what can't be asked."""
    try:
        check_member(mid)
        check_count(len(rooms) + len(peers))
        check_peers(peers)
        return room_topics(rooms)
    except FieldRefused as refused:
        raise RpcError(REFUSED, str(refused), reason="bad_field") from None
