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
MemberDeed = Callable[[RoomRecord, int, RoomMemberRequest, Policy, float], rooms.Deed]


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
        topic, policy = self._begin(request)
        actor = request.actor
        power = _power(request)
        if request.owner < 0:
            raise RoomRefused(RoomReason.BAD_FIELD, "owner is a member's number, or 0")
        owner = actor if power else request.owner or actor
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
            return rooms.open_room(record, power, wanted, policy, owned)

        return await self._change(topic, request, decide)

    async def close(self, request: RoomRequest) -> RoomReply:
        """Close a room for everybody."""
        topic, _ = self._begin(request)
        reason = settle_reason(request.reason)
        return await self._with_record(
            topic, request, lambda one, power: rooms.close_room(one, power, reason)
        )

    async def rename(self, request: RenameRoomRequest) -> RoomReply:
        """Call a room something else."""
        topic, policy = self._begin(request)
        name = settle_name(request.name, policy)
        return await self._with_record(
            topic, request, lambda one, power: rooms.rename(one, power, name)
        )

    async def describe(self, request: DescribeRoomRequest) -> RoomReply:
        """Describe a room."""
        topic, _ = self._begin(request)
        text = settle_description(request.description)
        return await self._with_record(
            topic, request, lambda one, power: rooms.describe(one, power, text)
        )

    async def regulate(self, request: RegulateRoomRequest) -> RoomReply:
        """Change who may enter and send."""
        topic, _ = self._begin(request)
        access = settle_access(request.access, "")
        senders = settle_senders(request.senders, "")
        return await self._with_record(
            topic, request, lambda one, power: rooms.regulate(one, power, access, senders)
        )

    async def join(self, request: RoomRequest) -> RoomReply:
        """Come to the list of members."""
        topic, policy = self._begin(request)
        actor = request.actor
        return await self._with_record(
            topic, request, lambda one, _: rooms.join(one, actor, policy, self._book.clock())
        )

    async def leave(self, request: RoomRequest) -> RoomReply:
        """Go off the list."""
        topic, _ = self._begin(request)
        actor = request.actor
        return await self._with_record(topic, request, lambda one, _: rooms.leave(one, actor))

    async def get(self, request: RoomRequest) -> RoomReply:
        """Tell what a room is, as far as the actor may know."""
        topic, _ = self._begin(request)
        stored = await self._writer.read(topic)
        if stored.record is None:
            raise RoomRefused(RoomReason.ROOM_UNKNOWN)
        power = _power(request)
        if not is_visible(stored.record, power):
            raise RoomRefused(RoomReason.NOT_A_MEMBER)
        now = self._book.clock()
        room = full_view(topic, stored.record, stored.revision, request.actor, power, now)
        return RoomReply(room=room)

    async def list(self, request: ListRoomsRequest) -> ListRoomsReply:
        """The rooms a member is in or invited to; a service may ask for all."""
        actor = settle_actor(request.actor)
        mid = request.mid or actor
        if mid < 0 or (_power(request) and mid != actor):
            raise RoomRefused(RoomReason.BAD_FIELD, "a member lists its own rooms alone")
        topics = self._index.topics_of(mid) if mid else self._index.topics()
        return await self._page(request, mid or actor, topics, lambda topic, record: True)

    async def search(self, request: ListRoomsRequest) -> ListRoomsReply:
        """The rooms that the actor may know of, by a part of id, name or description."""
        actor, text = settle_actor(request.actor), settle_text(request.text)
        power = _power(request)

        def fits(topic: str, record: RoomRecord) -> bool:
            return is_visible(record, power) and is_found(record, topic, text)

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
        topic, policy = self._begin(request)
        request.reason = settle_reason(request.reason)
        settle_until(request.seconds, 0)
        return await self._with_record(
            topic, request, lambda one, power: deed(one, power, request, policy, self._book.clock())
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

    def _begin(self, request: Any) -> tuple[str, Policy]:
        topic = settle_room(request.room)
        settle_actor(request.actor)
        return topic, self._policy_of(topic_room_type(topic))

    async def _with_record(
        self, topic: str, request: Any, decide: Callable[[RoomRecord, int], rooms.Deed]
    ) -> RoomReply:
        power = _power(request)

        def decide_on_it(record: RoomRecord | None) -> rooms.Deed:
            if record is None:
                raise RoomRefused(RoomReason.ROOM_UNKNOWN)
            return decide(record, power)

        return await self._change(topic, request, decide_on_it)

    async def _change(self, topic: str, request: Any, decide: Decide) -> RoomReply:
        now, actor = self._book.clock(), request.actor
        done = await self._writer.change(topic, lambda one: noted(decide(one), actor, now))
        if done.deed.event:
            self.events.publish(topic, event_of(topic, done.deed.record, done.revision))
        room = full_view(topic, done.deed.record, done.revision, actor, _power(request), now)
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


def _power(request: Any) -> int:
    """Return as whom a request is judged: an operator as a service, which ranks with the owner."""
    return rooms.SERVICE if request.operator else request.actor


MEMBER_DEEDS: dict[str, MemberDeed] = {
    "invite": lambda one, power, ask, policy, now: rooms.invite(one, power, ask.mid, policy, now),
    "kick": lambda one, power, ask, policy, now: rooms.kick(one, power, ask.mid, ask.reason),
    "ban": lambda one, power, ask, policy, now: rooms.ban(
        one, power, ask.mid, settle_until(ask.seconds, now), ask.reason, policy, now
    ),
    "unban": lambda one, power, ask, policy, now: rooms.unban(one, power, ask.mid),
    "mute": lambda one, power, ask, policy, now: rooms.mute(
        one, power, ask.mid, settle_until(ask.seconds, now), ask.reason, policy, now
    ),
    "unmute": lambda one, power, ask, policy, now: rooms.unmute(one, power, ask.mid),
    "promote": lambda one, power, ask, policy, now: rooms.promote(one, power, ask.mid),
    "demote": lambda one, power, ask, policy, now: rooms.demote(one, power, ask.mid),
    "hand_over": lambda one, power, ask, policy, now: rooms.hand_over(one, power, ask.mid),
}
