"""EDGE which topics this gateway listens to: a NATS subscription for each room and member held.

Messages come by core NATS, at most once, so what is missing is found and read again: by the
sequence before each message (topic.py), for all topics after a reconnect, 2 s after a new
subscription, and for all in turn every minute (`audit`), because the last message of a topic has
no successor to betray a gap.
"""

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bus.connection import Reply
from bus.direct import DirectSubscription
from bus.errors import BusError, RpcError
from bus.replies import read_reply
from gateway.catch_up import sender_number
from gateway.fanout import Delivery
from gateway.topic import Arrival, Topic
from schemas.headers import (
    FROM,
    LAST_SEQUENCE,
    SEQUENCE,
    SESSION,
    SPEED,
    STAMP,
    TIME,
    header_number,
    header_value,
)
from schemas.messages_pb2 import LastReply, LastRequest, ReplayReply, ReplayRequest, Want
from schemas.stamp import stamped_body
from schemas.subjects import ALL_TOPIC, member_topic, room_topic
from schemas.times import unix_milliseconds

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

log = structlog.get_logger()

NEW_TOPIC_AUDIT_SECONDS = 2.0  # interest takes a moment to spread through a NATS cluster
AUDIT_TICK_SECONDS = 0.5
TOPICS_IN_A_REQUEST = 500
REPAIR_RETRY_SECONDS = 1.0
HELD_MESSAGES = 1000  # behind a gap; further ones are read from the store


class Interest:
    """The topics of this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self.topics: dict[str, Topic] = {}
        self._unflushed: list[Topic] = []
        self._new: deque[tuple[float, str]] = deque()
        self._in_turn: deque[str] = deque()
        gateway.bus.on_reconnect.append(self._audit_everything)

    def hold_member(self, connection: "Connection", mid: int) -> Topic:
        """Listen to a member's messages for this connection."""
        return self._hold(connection, member_topic(mid), "member", "")

    def hold_all(self, connection: "Connection") -> Topic:
        """Listen to messages to everybody."""
        return self._hold(connection, ALL_TOPIC, "all", "")

    def hold_room(self, connection: "Connection", room: str) -> Topic:
        """Listen to a room. Raises IdRefused."""
        return self._hold(connection, room_topic(room), f"room:{room}", room)

    def release(self, connection: "Connection", topic: Topic) -> None:
        """The connection wants no more of a topic; with the last one the subscription ends."""
        connection.topics = tuple(one for one in connection.topics if one is not topic)
        topic.live.pop(connection, None)
        behind = connection.behind
        if behind is not None and topic in behind:
            self._gateway.catching_up.stop(behind[topic])
        if topic.held_by_nobody and self.topics.get(topic.name) is topic:
            del self.topics[topic.name]
            if isinstance(topic.subscription, DirectSubscription):
                self._gateway.bus.unsubscribe(topic.subscription)
            topic.subscription = None

    def flush(self, topic: Topic) -> None:
        """Write what is pending of a topic now."""
        for receiver, position in topic.flush():
            self._gateway.catching_up.start(receiver, topic, after=position, ask=False)  # type: ignore[arg-type]

    async def keep_auditing(self) -> None:
        """Compare topics with the store, new ones soon, all in turn, for ever."""
        loop = self._gateway.loop
        seconds = self._gateway.settings.audit_seconds
        share = 0.0
        while True:
            await asyncio.sleep(AUDIT_TICK_SECONDS)
            names: list[str] = []
            while self._new and self._new[0][0] <= loop.time():
                names.append(self._new.popleft()[1])
            share += len(self.topics) * AUDIT_TICK_SECONDS / seconds
            while share >= 1:
                share -= 1
                if not self._in_turn:
                    self._in_turn.extend(self.topics)
                if self._in_turn:
                    names.append(self._in_turn.popleft())
            self.audit(names)

    def audit(self, names: list[str]) -> None:
        """Ask the store for the last sequences of these topics; repair those that lack some."""
        bus = self._gateway.bus
        known = list(dict.fromkeys(name for name in names if name in self.topics))
        for start in range(0, len(known), TOPICS_IN_A_REQUEST):
            chunk = known[start : start + TOPICS_IN_A_REQUEST]
            bus.request(
                bus.subjects.rpc("store", "last"),
                LastRequest(topics=chunk).SerializeToString(),
                partial(self._receive_last, chunk),
            )

    def _hold(self, connection: "Connection", name: str, label: str, room: str) -> Topic:
        topic = self.topics.get(name)
        if topic is None:
            topic = Topic(name, label, room)
            topic.keeps_recent = topic.keeps_recent or name == ALL_TOPIC
            bus = self._gateway.bus
            subject = bus.subjects.interest(name)
            topic.subscription = bus.subscribe(subject, partial(self._receive, topic))
            self.topics[name] = topic
            due = self._gateway.loop.time() + NEW_TOPIC_AUDIT_SECONDS
            self._new.append((due, name))
        connection.topics = (*connection.topics, topic)
        return topic

    def _receive(
        self, topic: Topic, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        gateway = self._gateway
        gateway.counters.messages_received += 1
        _, way, operation_text = subject.rsplit(b".", 2)
        try:
            operation = int(operation_text)
            if not -(2**31) <= operation < 2**31:
                raise ValueError
        except ValueError:
            gateway.counters.dropped["operation_no_number"] += 1
            return
        if way == b"cast":
            self._append(topic, Delivery(0, operation, payload))
            return
        sequence = header_number(headers, SEQUENCE)
        if way != b"kept" or not sequence:
            gateway.counters.dropped["subject_unknown"] += 1
            return
        sender = 0
        if headers is not None and b"\r\nGoim-" in headers:
            sender = sender_number(header_value(headers, SESSION), gateway.id)
            if header_value(headers, STAMP) == "1":
                mid, time_ms = header_number(headers, FROM), unix_milliseconds(headers, TIME)
                payload = stamped_body(payload, mid, sequence, time_ms)
        delivery = Delivery(sequence, operation, payload, sender)
        arrival = topic.arrive(delivery, header_number(headers, LAST_SEQUENCE))
        if arrival is Arrival.NEW:
            if topic.name == ALL_TOPIC and headers is not None:
                gateway.pacing.pace(topic, header_number(headers, SPEED))
            self._append(topic, delivery)
        elif arrival is Arrival.GAP:
            self._repair(topic)
        elif arrival is Arrival.REPEATED:
            gateway.counters.messages_repeated += 1
        elif topic.held is not None and len(topic.held) > HELD_MESSAGES:
            topic.held.pop()

    def _append(self, topic: Topic, delivery: Delivery) -> None:
        limits = self._gateway.settings.limits
        if topic.append(delivery, limits.recent_messages, limits.recent_bytes):
            if not self._unflushed:
                self._gateway.loop.call_soon(self._flush_all)
            self._unflushed.append(topic)

    def _flush_all(self) -> None:
        topics, self._unflushed = self._unflushed, []
        for topic in topics:
            self.flush(topic)

    def _audit_everything(self) -> None:
        """NATS was away: anything may have been missed."""
        self.audit(list(self.topics))

    def _receive_last(self, names: list[str], reply: Reply) -> None:
        try:
            answer = read_reply(reply, LastReply)
        except (BusError, RpcError):
            self._audit_later(names)
            return
        for name, sequence in zip(names, answer.sequences, strict=True):
            topic = self.topics.get(name)
            if topic is None or topic.held is not None or topic.base is None:
                continue
            if not topic.confirm(sequence):
                topic.held = []
                self._repair(topic)

    def _audit_later(self, names: list[str]) -> None:
        due = self._gateway.loop.time() + NEW_TOPIC_AUDIT_SECONDS
        self._new.extend((due, name) for name in names)

    def _repair(self, topic: Topic) -> None:
        self._gateway.spawn(self._read_missing(topic), "repair")

    async def _read_missing(self, topic: Topic) -> None:
        """Read what the topic lacks from the store; live messages are held meanwhile."""
        gateway = self._gateway
        assert topic.base is not None
        after, stored, more = topic.base, list[Delivery](), True
        while more and self.topics.get(topic.name) is topic:
            want = Want(topic=topic.name, has_after=True, after=after)
            request = ReplayRequest(wants=[want]).SerializeToString()
            try:
                reply = await gateway.bus.call(gateway.bus.subjects.rpc("store", "replay"), request)
                page = read_reply(reply, ReplayReply).topics[0]
                if page.HasField("error"):
                    raise RpcError(page.error.code, page.error.message)
            except (BusError, RpcError) as error:
                log.warning("repair_waits", topic=topic.name, error=str(error))
                await asyncio.sleep(REPAIR_RETRY_SECONDS)
                continue
            stored.extend(gateway.delivery(message) for message in page.messages)
            after, more = max(page.reached, after), page.more
        missing = topic.repair(stored, after)
        gateway.counters.gaps_repaired += len(missing)
        for delivery in missing:
            self._append(topic, delivery)
