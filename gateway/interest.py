"""EDGE which topics this gateway listens to: a NATS subscription for each room and member held.

Messages come by core NATS, at most once, so what is missing is found and read again: by the
sequence before each message (topic.py), for all topics after a reconnect, 2 s after a new
subscription, and for all in turn every minute (`audit`), because the last message of a topic has
no successor to betray a gap. `repairs.py` reads what is missing.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bus.connection import Reply
from bus.direct import DirectSubscription
from bus.errors import BusError, RpcError
from bus.replies import ReplyUnreadable, read_reply
from gateway.catch_up import sender_number
from gateway.fanout import Delivery
from gateway.repairs import Repairs
from gateway.topic import Arrival, Topic
from gateway.writing import Writer
from schemas.close_codes import CloseCode
from schemas.headers import (
    FROM,
    LAST_SEQUENCE,
    SEQUENCE,
    SESSION,
    SPEED,
    STAMP,
    TIME,
    TO,
    header_number,
    header_value,
    republished,
)
from schemas.messages_pb2 import LastReply, LastRequest
from schemas.operations import Operation
from schemas.stamp import stamped_body
from schemas.subjects import ALL_TOPIC, member_topic, room_topic
from schemas.times import unix_milliseconds

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

log = structlog.get_logger()

NEW_TOPIC_AUDIT_SECONDS = 2.0  # interest takes a moment to spread through a NATS cluster
AUDIT_TICK_SECONDS = 0.5
HEARD_SECONDS = 2.0  # NATS says sooner that it knows a subscription, or is away
TOPICS_IN_A_REQUEST = 500
# Plain numbers: looking one up in the enumeration costs each message 0.1 us.
ROOM_EVENT, READ_REPLY = int(Operation.ROOM_EVENT), int(Operation.READ_REPLY)
ANEW_SECONDS = 5.0  # in which those come back whose streams lost messages
ANEW_WORDS = "the stored messages begin anew: come back"


class Interest:
    """The topics of this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self.topics: dict[str, Topic] = {}
        self._writer = Writer(gateway.counters)
        self._unflushed: list[Topic] = []
        self._unheard: set[Topic] = set()  # NATS may not know yet that we want them
        self._asking: set[Topic] = set()  # and is being asked
        self._waiting: list[Callable[[], None]] = []
        self._confirming = False
        self._on_message = self._receive  # one bound method for all topics: it stays in the cache
        self._sent_to: set[Topic] = set()  # by send_at_once; what else comes is flushed together
        self._new: deque[tuple[float, str]] = deque()
        self._in_turn: deque[str] = deque()
        self.repairs = Repairs(gateway, self._settled)
        gateway.bus.on_disconnect.append(self._suspend_everything)
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
        topic.drop(connection)
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
        for receiver, position, casts in topic.flush(self._writer.write_to_all):
            self._gateway.catching_up.fall_behind(receiver, topic, position, casts)  # type: ignore[arg-type]

    def settle(self, topic: Topic, reached: int) -> None:
        """The first connection of a topic knows where it is: what came meanwhile follows."""
        topic.settle(reached)
        self._settled(topic)

    def when_heard(self, connection: "Connection", then: Callable[[], None]) -> None:
        """Call back when all that is published from now on to its room, and to all, comes here.

        At once where it does. A client that is told that it is in must miss nothing.
        """
        if self._unheard.isdisjoint(connection.topics) and self._asking.isdisjoint(
            connection.topics
        ):
            then()
            return
        self._waiting.append(then)
        if not self._confirming:
            self._confirming = True
            self._gateway.spawn(self._confirm_interest(), "confirm_interest")

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
            checked = [self.topics[name].checked for name in chunk]
            reached = [self.topics[name].reached for name in chunk]
            bus.request(
                bus.subjects.rpc("store", "last"),
                LastRequest(topics=chunk, after=checked).SerializeToString(),
                partial(self._receive_last, chunk, checked, reached),
            )

    def _hold(self, connection: "Connection", name: str, label: str, room: str) -> Topic:
        topic = self.topics.get(name)
        if topic is None:
            limits = self._gateway.settings.limits
            topic = Topic(name, label, room, limits, keeps_recent=bool(room) or name == ALL_TOPIC)
            bus = self._gateway.bus
            subject = bus.subjects.interest(name)
            topic.subscription = bus.subscribe(subject, partial(self._on_message, topic))
            self.topics[name] = topic
            if room or name == ALL_TOPIC:  # a member's messages are all kept
                self._unheard.add(topic)
            due = self._gateway.loop.time() + NEW_TOPIC_AUDIT_SECONDS
            self._new.append((due, name))
        connection.topics = (*connection.topics, topic)
        return topic

    async def _confirm_interest(self) -> None:
        """Ask NATS once for all that began to wait meanwhile."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            self._asking, self._unheard = self._unheard, set()
            try:
                await self._gateway.bus.flush(HEARD_SECONDS)
            except BusError as error:
                log.warning("interest_unconfirmed", error=str(error))
            self._asking = set()
            for then in waiting:
                self._gateway.loop.call_soon(then)
        self._confirming = False

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
            if operation == ROOM_EVENT and topic.room:
                gateway.rooms.tell(topic, payload)
            elif operation == READ_REPLY and topic.label == "member":
                gateway.reads.tell(topic, payload, headers)
            else:
                self._append(topic, self._delivery(0, operation, payload, headers))
            return
        plain = republished(headers) if headers is not None else None
        sequence, last_sequence = plain or (
            header_number(headers, SEQUENCE),
            header_number(headers, LAST_SEQUENCE),
        )
        if way != b"kept" or not sequence:
            gateway.counters.dropped["subject_unknown"] += 1
            return
        own = headers if plain is None else None  # what is not nats-server's
        delivery = self._delivery(sequence, operation, payload, own)
        arrival = topic.arrive(delivery, last_sequence)
        if arrival is Arrival.REPEATED:
            gateway.counters.messages_repeated += 1
            return
        if topic.name == ALL_TOPIC and headers is not None:
            gateway.pacing.pace(topic, header_number(headers, SPEED))
        if arrival is Arrival.NEW:
            self._append(topic, delivery)
        elif topic.incomplete:
            self.repairs.start(topic)

    def _delivery(
        self, sequence: int, operation: int, payload: bytes, headers: bytes | None
    ) -> Delivery:
        """Return what is delivered; what is not stored has sequence 0, and the time is ours."""
        if headers is None or b"\r\nGoim-" not in headers:
            return Delivery(sequence, operation, payload)
        sender = sender_number(header_value(headers, SESSION), self._gateway.id)
        if header_value(headers, STAMP) == "1":
            now_ms = int(self._gateway.wall_time() * 1000)
            time_ms = unix_milliseconds(headers, TIME) if sequence else now_ms
            mid, recipient = header_number(headers, FROM), header_number(headers, TO)
            payload = stamped_body(payload, mid, sequence, time_ms, recipient)
        return Delivery(sequence, operation, payload, sender)

    def _append(self, topic: Topic, delivery: Delivery) -> None:
        if topic not in self._sent_to and topic.send_at_once(delivery):
            self._schedule_flush()
            self._sent_to.add(topic)
            return
        if not topic.pending:
            self._flush_later(topic)
        topic.append(delivery)

    def _settled(self, topic: Topic) -> None:
        """What was held may go on, or more is missing."""
        if topic.pending:
            self._flush_later(topic)
        if topic.incomplete:
            self.repairs.start(topic)

    def _flush_later(self, topic: Topic) -> None:
        self._schedule_flush()
        self._unflushed.append(topic)

    def _schedule_flush(self) -> None:
        """Once for all, two turns on: what NATS sends meanwhile shares the write."""
        if not self._unflushed and not self._sent_to:
            loop = self._gateway.loop
            loop.call_soon(loop.call_soon, self._flush_all)

    def _flush_all(self) -> None:
        self._sent_to.clear()
        topics, self._unflushed = self._unflushed, []
        for topic in topics:
            self.flush(topic)

    def _suspend_everything(self) -> None:
        """NATS is away: anything may be missed, nothing may pass before that is known."""
        for topic in self.topics.values():
            topic.suspend()

    def _audit_everything(self) -> None:
        """NATS is back: ask now, and again when the interest has spread through a cluster."""
        names = list(self.topics)
        self.audit(names)
        self._audit_later(names)

    def _receive_last(
        self, names: list[str], checked: list[int], reached: list[int], reply: Reply
    ) -> None:
        try:
            answer = read_reply(reply, LastReply)
            if len(answer.sequences) != len(names):
                raise ReplyUnreadable("LastReply")
        except (BusError, RpcError) as error:
            self._gateway.counters.refused["audit_unavailable"] += 1
            self.repairs.unavailable.warning(error=str(error))
            self._audit_later(names)
            return
        counts: list[int | None] = [*answer.counts] if len(answer.counts) == len(names) else []
        ends = answer.ends if len(answer.ends) == len(names) else reached
        anew: set[Topic] = set()
        for number, name in enumerate(names):
            topic = self.topics.get(name)
            if topic is None or topic.base is None:
                continue
            if ends[number] < reached[number]:
                anew.add(topic)
                continue
            if topic in self.repairs:
                self._audit_later([name])
                continue
            comparable = counts and topic.checked == checked[number]
            topic.confirm(answer.sequences[number], counts[number] if comparable else None)
            self._settled(topic)

        if anew:
            self._begin_anew(anew)

    def _begin_anew(self, topics: set[Topic]) -> None:
        """Streams lost their end, or all: what comes has numbers that these topics had already.

        So all who hold them come anew, and begin where the store says.
        """
        log.error("streams_begin_anew", topics=len(topics))
        for connection in tuple(self._gateway.hub.connections.values()):
            if not topics.isdisjoint(connection.topics):
                after = random.uniform(0, ANEW_SECONDS)
                connection.close(CloseCode.GOING_AWAY, ANEW_WORDS, after)

    def _audit_later(self, names: list[str]) -> None:
        due = self._gateway.loop.time() + NEW_TOPIC_AUDIT_SECONDS
        self._new.extend((due, name) for name in names)
