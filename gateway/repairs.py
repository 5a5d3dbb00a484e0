"""EDGE read from the store what a topic lacks; live messages are held meanwhile (topic.py)."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import ReplyUnreadable, read_reply
from gateway.fanout import Delivery
from gateway.topic import Topic
from schemas.messages_pb2 import ReplayReply, ReplayRequest, TopicMessages, Want

if TYPE_CHECKING:
    from gateway.gateway import Gateway

RETRY_SECONDS = 1.0


class Repairs:
    """The repairs under way on this gateway, one a topic."""

    def __init__(self, gateway: "Gateway", on_repaired: Callable[[Topic], None]) -> None:
        self._gateway = gateway
        self._on_repaired = on_repaired
        self._topics: set[Topic] = set()
        self.unavailable = RareLog("store_unavailable")

    def __contains__(self, topic: Topic) -> bool:
        return topic in self._topics

    def start(self, topic: Topic) -> None:
        """Mend an incomplete topic, unless that is being done."""
        if topic not in self._topics:
            self._topics.add(topic)
            self._gateway.spawn(self._mend(topic), "repair")

    async def _mend(self, topic: Topic) -> None:
        """Read until nothing is missing, or nobody holds the topic any more."""
        try:
            while topic.incomplete and self._is_held(topic):
                missing = await self._read_once(topic)
                self._gateway.counters.gaps_repaired += missing
                self._gateway.flush(topic)
                if not missing and topic.incomplete:
                    await asyncio.sleep(RETRY_SECONDS)  # the store does not have it yet
        finally:
            self._topics.discard(topic)
        if self._is_held(topic):
            self._on_repaired(topic)

    async def _read_once(self, topic: Topic) -> int:
        """Take what the store has above the topic's base; return how many were missing."""
        received, after, stored = topic.received, topic.start_repair(), list[Delivery]()
        more = True
        while more and self._is_held(topic):
            page = await self._read_page(topic, after)
            if page is None:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if page.gap_to > received:
                self._gateway.flush(topic)
                self._gateway.catching_up.tell_gap_to_all(topic, received, page.gap_to)
            stored.extend(self._gateway.delivery(message) for message in page.messages)
            after, more = max(page.reached, after), page.more
        return topic.repair(stored, after)

    async def _read_page(self, topic: Topic, after: int) -> TopicMessages | None:
        bus = self._gateway.bus
        want = Want(topic=topic.name, has_after=True, after=after)
        request = ReplayRequest(wants=[want]).SerializeToString()
        try:
            reply = read_reply(
                await bus.call(bus.subjects.rpc("store", "replay"), request), ReplayReply
            )
            if len(reply.topics) != 1:
                raise ReplyUnreadable("ReplayReply")
            page = reply.topics[0]
            if page.HasField("error"):
                raise RpcError(page.error.code, page.error.message)
        except (BusError, RpcError) as error:
            self._gateway.counters.refused["repair_unavailable"] += 1
            self.unavailable.warning(topic=topic.name, error=str(error))
            return None
        return page

    def _is_held(self, topic: Topic) -> bool:
        return self._gateway.interest.topics.get(topic.name) is topic
