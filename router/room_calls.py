"""EDGE the calls `goim.rooms.<call>`: a request in, the room after it out.

What a call does to a record is decided in rooms.py, the fields in room_fields.py, what is told in
room_views.py. Who may publish on `goim.rooms.>` is trusted to fill in `actor` (docs/rooms.md).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any

from bus.metrics import Reading
from bus.rooms import RoomBook
from bus.service import Service
from router import rooms
from router.errors import RoomReason, RoomRefused
from router.readings import totals
from router.room_book import Decide, RoomWriter
from router.room_events import RoomEvents
from router.room_fields import (
    settle_access,
    settle_actor,
    settle_description,
    settle_name,
    settle_reason,
    settle_room,
    settle_senders,
    settle_text,
    settle_until,
)
from router.room_index import RoomIndex, after
from router.room_views import brief_view, event_of, full_view, is_found, is_visible
from router.rooms import noted
from schemas.messages_pb2 import (
    DescribeRoomRequest,
    ListRoomsReply,
    ListRoomsRequest,
    OpenRoomRequest,
    RegulateRoomRequest,
    RenameRoomRequest,
    RoomMemberRequest,
    RoomReply,
    RoomRequest,
)
from schemas.policies import Policy
from schemas.rooms import MEMBERS, PUBLIC, RoomRecord
from schemas.subjects import topic_room_type

LIST_DEFAULT, LIST_MOST = 50, 500  # rooms of one answer
LOOKED_AT_ONCE = 500  # records between two looks at what else is to be done
MemberDeed = Callable[[RoomRecord, RoomMemberRequest, Policy, float], rooms.Deed]


class RoomCalls:
    """Serves the calls; every refusal is a RoomRefused, or a BusError as 503."""

    def __init__(
        self,
        book: RoomBook,
        index: RoomIndex,
        writer: RoomWriter,
        events: RoomEvents,
        policy_of: Callable[[str], Policy],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.events = events
        self._book = book
        self._index = index
        self._writer = writer
        self._policy_of = policy_of

    def serve(self, service: Service) -> None:
        """Answer `goim.rooms.*` on a service."""
        for call, request_type, handler in self._handlers():
            reply_type = ListRoomsReply if request_type is ListRoomsRequest else RoomReply
            subject = service.bus.subjects.rpc("rooms", call)
            counted = partial(self._counted, call, handler)
            service.serve(f"rooms_{call}", subject, request_type, reply_type, counted)

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        yield totals("room_calls", "calls about rooms, by call", "call", self.counts)
        refused = {why.name.lower(): self.counts[why.name] for why in RoomReason}
        yield totals("room_refusals", "calls about rooms refused", "reason", refused)

    async def open(self, request: OpenRoomRequest) -> RoomReply:
        """Give a room a record."""
        actor, topic, policy = self._begin(request)
        if request.owner < 0:
            raise RoomRefused(RoomReason.BAD_FIELD, "owner is a member's number, or 0")
        owner = actor or request.owner
        wanted = RoomRecord(
            owner=owner,
            name=settle_name(request.name, policy),
            description=settle_description(request.description),
            access=settle_access(request.access, PUBLIC),
            senders=settle_senders(request.senders, MEMBERS),
            created_at=int(self._book.clock()),
        )
        owned = self._index.owned(owner, topic_room_type(topic))

        def decide(record: RoomRecord | None) -> rooms.Deed:
            return rooms.open_room(record, actor, wanted, policy, owned)

        return await self._change(topic, actor, decide)

    async def close(self, request: RoomRequest) -> RoomReply:
        """Close a room for everybody."""
        actor, topic, _ = self._begin(request)
        reason = settle_reason(request.reason)
        return await self._with_record(
            topic, actor, lambda one: rooms.close_room(one, actor, reason)
        )

    async def rename(self, request: RenameRoomRequest) -> RoomReply:
        """Call a room something else."""
        actor, topic, policy = self._begin(request)
        name = settle_name(request.name, policy)
        return await self._with_record(topic, actor, lambda one: rooms.rename(one, actor, name))

    async def describe(self, request: DescribeRoomRequest) -> RoomReply:
        """Describe a room."""
        actor, topic, _ = self._begin(request)
        text = settle_description(request.description)
        return await self._with_record(topic, actor, lambda one: rooms.describe(one, actor, text))

    async def regulate(self, request: RegulateRoomRequest) -> RoomReply:
        """Change who may enter and send."""
        actor, topic, _ = self._begin(request)
        access = settle_access(request.access, "")
        senders = settle_senders(request.senders, "")
        return await self._with_record(
            topic, actor, lambda one: rooms.regulate(one, actor, access, senders)
        )

    async def join(self, request: RoomRequest) -> RoomReply:
        """Come to the list of members."""
        actor, topic, policy = self._begin(request)
        return await self._with_record(
            topic, actor, lambda one: rooms.join(one, actor, policy, self._book.clock())
        )

    async def leave(self, request: RoomRequest) -> RoomReply:
        """Go off the list."""
        actor, topic, _ = self._begin(request)
        return await self._with_record(topic, actor, lambda one: rooms.leave(one, actor))

    async def get(self, request: RoomRequest) -> RoomReply:
        """Tell what a room is, as far as the actor may know."""
        actor, topic, _ = self._begin(request)
        stored = await self._writer.read(topic)
        if stored.record is None:
            raise RoomRefused(RoomReason.ROOM_UNKNOWN)
        if not is_visible(stored.record, actor):
            raise RoomRefused(RoomReason.NOT_A_MEMBER)
        now = self._book.clock()
        room = full_view(topic, stored.record, stored.revision, actor, now)
        return RoomReply(room=room)

    async def list(self, request: ListRoomsRequest) -> ListRoomsReply:
        """The rooms a member is in or invited to; a service may ask for all."""
        actor = settle_actor(request.actor)
        mid = request.mid or actor
        if mid < 0 or (actor and mid != actor):
            raise RoomRefused(RoomReason.BAD_FIELD, "a member lists its own rooms alone")
        topics = self._index.topics_of(mid) if mid else self._index.topics()
        return await self._page(request, mid or actor, topics, lambda topic, record: True)

    async def search(self, request: ListRoomsRequest) -> ListRoomsReply:
        """The rooms that the actor may know of, by a part of id, name or description."""
        actor, text = settle_actor(request.actor), settle_text(request.text)

        def fits(topic: str, record: RoomRecord) -> bool:
            return is_visible(record, actor) and is_found(record, topic, text)

        return await self._page(request, actor, self._index.topics(), fits)

    def _handlers(self) -> Iterator[tuple[str, Any, Callable[[Any], Awaitable[Any]]]]:
        yield "open", OpenRoomRequest, self.open
        yield "rename", RenameRoomRequest, self.rename
        yield "describe", DescribeRoomRequest, self.describe
        yield "regulate", RegulateRoomRequest, self.regulate
        for call in ("close", "join", "leave", "get"):
            yield call, RoomRequest, getattr(self, call)
        for call in ("list", "search"):
            yield call, ListRoomsRequest, getattr(self, call)
        for call, deed in MEMBER_DEEDS.items():
            yield call, RoomMemberRequest, partial(self._member_call, deed)

    async def _member_call(self, deed: MemberDeed, request: RoomMemberRequest) -> RoomReply:
        actor, topic, policy = self._begin(request)
        request.reason = settle_reason(request.reason)
        settle_until(request.seconds, 0)
        return await self._with_record(
            topic, actor, lambda one: deed(one, request, policy, self._book.clock())
        )

    async def _counted(
        self, call: str, handler: Callable[[Any], Awaitable[Any]], request: Any
    ) -> Any:
        self.counts[call] += 1
        try:
            return await handler(request)
        except RoomRefused as refused:
            self.counts[refused.why.name] += 1
            raise

    def _begin(self, request: Any) -> tuple[int, str, Policy]:
        topic = settle_room(request.room)
        return settle_actor(request.actor), topic, self._policy_of(topic_room_type(topic))

    async def _with_record(
        self, topic: str, actor: int, decide: Callable[[RoomRecord], rooms.Deed]
    ) -> RoomReply:
        def decide_on_it(record: RoomRecord | None) -> rooms.Deed:
            if record is None:
                raise RoomRefused(RoomReason.ROOM_UNKNOWN)
            return decide(record)

        return await self._change(topic, actor, decide_on_it)

    async def _change(self, topic: str, actor: int, decide: Decide) -> RoomReply:
        now = self._book.clock()
        done = await self._writer.change(topic, lambda one: noted(decide(one), actor, now))
        if done.deed.event:
            self.events.publish(topic, event_of(topic, done.deed.record, done.revision))
        room = full_view(topic, done.deed.record, done.revision, actor, now)
        return RoomReply(room=room, changed=bool(done.deed.event))

    async def _page(
        self,
        request: ListRoomsRequest,
        actor: int,
        topics: Iterable[str],
        fits: Callable[[str, RoomRecord], bool],
    ) -> ListRoomsReply:
        limit = min(request.limit or LIST_DEFAULT, LIST_MOST)
        last = settle_room(request.after) if request.after else ""
        reply = ListRoomsReply()
        for number, topic in enumerate(after(topics, last)):
            if number % LOOKED_AT_ONCE == LOOKED_AT_ONCE - 1:
                await asyncio.sleep(0)
            held = self._book.held(topic)
            if held is None or request.type not in ("", topic_room_type(topic)):
                continue
            if fits(topic, held.record):
                if len(reply.rooms) == limit:
                    reply.more = True
                    break
                reply.rooms.append(brief_view(topic, held.record, held.revision, actor))
        return reply


MEMBER_DEEDS: dict[str, MemberDeed] = {
    "invite": lambda one, ask, policy, now: rooms.invite(one, ask.actor, ask.mid, policy, now),
    "kick": lambda one, ask, policy, now: rooms.kick(one, ask.actor, ask.mid, ask.reason),
    "ban": lambda one, ask, policy, now: rooms.ban(
        one, ask.actor, ask.mid, settle_until(ask.seconds, now), ask.reason, policy, now
    ),
    "unban": lambda one, ask, policy, now: rooms.unban(one, ask.actor, ask.mid),
    "mute": lambda one, ask, policy, now: rooms.mute(
        one, ask.actor, ask.mid, settle_until(ask.seconds, now), ask.reason, policy, now
    ),
    "unmute": lambda one, ask, policy, now: rooms.unmute(one, ask.actor, ask.mid),
    "promote": lambda one, ask, policy, now: rooms.promote(one, ask.actor, ask.mid),
    "demote": lambda one, ask, policy, now: rooms.demote(one, ask.actor, ask.mid),
    "hand_over": lambda one, ask, policy, now: rooms.hand_over(one, ask.actor, ask.mid),
}
