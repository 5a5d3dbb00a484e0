"""EDGE bring connections up to date from the store, then live; many of them in one request."""

from functools import partial
from json import dumps
from typing import TYPE_CHECKING

import structlog

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.replies import read_reply
from gateway.fanout import EXT, Delivery, encode_control, topic_frame
from schemas.frame import encode_frame
from schemas.messages_pb2 import ReplayReply, ReplayRequest, StoredMessage, TopicMessages, Want
from schemas.operations import Operation
from schemas.stamp import stamped_body

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway
    from gateway.topic import Topic

log = structlog.get_logger()

WANTS_IN_A_REQUEST = 64
REQUESTS_IN_FLIGHT = 16
REPLAY_SECONDS = 10.0
RETRY_SECONDS = 0.5


class CatchUp:
    """A connection that is not live on a topic. `after` is what it has; None: the store knows."""

    __slots__ = ("after", "asking", "connection", "joined_index", "newest", "over", "topic")

    def __init__(
        self, connection: "Connection", topic: "Topic", after: int | None, newest: int
    ) -> None:
        self.connection = connection
        self.topic = topic
        self.after = after
        self.newest = newest
        self.joined_index = topic.index
        self.asking = False
        self.over = False


class CatchingUp:
    """All that catch up on this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._wanted: list[CatchUp] = []
        self._in_flight = 0
        self._scheduled = False

    def start(
        self,
        connection: "Connection",
        topic: "Topic",
        after: int | None = None,
        newest: int = 0,
        ask: bool = True,
    ) -> CatchUp:
        """Begin; the connection must hold the topic and not be live on it."""
        catch_up = CatchUp(connection, topic, after, newest)
        if connection.behind is None:
            connection.behind = {}
        connection.behind[topic] = catch_up
        topic.catching_up += 1
        if ask:
            self._ask(catch_up)
        return catch_up

    def stop(self, catch_up: CatchUp) -> None:
        """The connection leaves the topic, or is live now."""
        if catch_up.over:
            return
        catch_up.over = True
        behind = catch_up.connection.behind
        if behind is not None:
            behind.pop(catch_up.topic, None)
            if not behind:
                catch_up.connection.behind = None
        catch_up.topic.stop_catching_up()

    def resume(self, catch_up: CatchUp) -> None:
        """The connection can be written to again."""
        if catch_up.over or catch_up.asking or catch_up.connection.blocked:
            return
        if catch_up.after is None or not self._go_live(catch_up):
            self._ask(catch_up)

    def _ask(self, catch_up: CatchUp) -> None:
        catch_up.asking = True
        self._wanted.append(catch_up)
        if not self._scheduled and self._in_flight < REQUESTS_IN_FLIGHT:
            self._scheduled = True
            self._gateway.loop.call_soon(self._send)

    def _send(self) -> None:
        self._scheduled = False
        gateway = self._gateway
        while self._wanted and self._in_flight < REQUESTS_IN_FLIGHT:
            bundle = [one for one in self._wanted[:WANTS_IN_A_REQUEST] if not one.over]
            del self._wanted[:WANTS_IN_A_REQUEST]
            if not bundle:
                continue
            request = ReplayRequest(wants=[self._want(one) for one in bundle])
            self._in_flight += 1
            gateway.bus.request(
                gateway.bus.subjects.rpc("store", "replay"),
                request.SerializeToString(),
                partial(self._receive, bundle),
                REPLAY_SECONDS,
            )

    def _want(self, catch_up: CatchUp) -> Want:
        session, topic = catch_up.connection.session, catch_up.topic
        after = catch_up.after
        if after is None and not catch_up.newest:
            after = self._gateway.positions.unsaved(session.mid, session.device, topic.name)
        return Want(
            topic=topic.name,
            mid=max(session.mid, 0),
            device=session.device if session.mid > 0 else "",
            has_after=after is not None,
            after=after or 0,
            newest=catch_up.newest,
        )

    def _receive(self, bundle: list[CatchUp], reply: Reply) -> None:
        self._in_flight -= 1
        try:
            answer = read_reply(reply, ReplayReply)
        except (BusError, RpcError) as error:
            log.warning("replay_unavailable", connections=len(bundle), error=str(error))
            self._gateway.counters.refused["replay_unavailable"] += len(bundle)
            for catch_up in bundle:
                self._retry(catch_up)
        else:
            for catch_up, page in zip(bundle, answer.topics, strict=True):
                catch_up.asking = False
                if catch_up.over:
                    continue
                if page.HasField("error"):
                    log.warning("replay_refused", error=page.error.message)
                    self._retry(catch_up)
                else:
                    self._take(catch_up, page)
        if self._wanted:
            self._send()

    def _retry(self, catch_up: CatchUp) -> None:
        catch_up.asking = False
        self._gateway.loop.call_later(RETRY_SECONDS, self.resume, catch_up)

    def _take(self, catch_up: CatchUp, page: TopicMessages) -> None:
        connection, topic = catch_up.connection, catch_up.topic
        if page.gap_to and catch_up.after != page.gap_to:
            self._tell_gap(connection, topic, page.started_after, page.gap_to)
        floor = page.started_after if catch_up.after is None else catch_up.after
        deliveries = [self._gateway.delivery(message) for message in page.messages]
        topic.send_to(connection, deliveries, floor)
        self._gateway.counters.replayed += len(deliveries)
        catch_up.after = max(page.reached, floor)
        catch_up.newest = 0
        if (page.more or not self._go_live(catch_up)) and not connection.blocked:
            self._ask(catch_up)  # a blocked one goes on when it can be written to again

    def _go_live(self, catch_up: CatchUp) -> bool:
        connection, topic = catch_up.connection, catch_up.topic
        assert catch_up.after is not None
        self._gateway.flush(topic)
        if connection.blocked or not topic.can_go_live(catch_up.after):
            return False
        missed = topic.go_live(connection, catch_up.after, catch_up.joined_index)
        if missed and topic.evicted_to < catch_up.after:
            self._gateway.counters.dropped["catching_up"] += missed
        self.stop(catch_up)
        if connection.kind & EXT:
            position = topic.position(connection) or catch_up.after
            frame = topic_frame(topic.label, position, live=True)
            connection.send(encode_control(frame, connection.kind))
        return True

    def _tell_gap(self, connection: "Connection", topic: "Topic", after: int, to: int) -> None:
        self._gateway.counters.gaps_told += 1
        if connection.kind & EXT:
            frame = encode_frame(Operation.GAP, gap_body(topic.label, after, to))
            connection.send(encode_control(frame, connection.kind))


def gap_body(label: str, after: int, to: int) -> bytes:
    """Return the body of an op 28 frame: messages in (after, to] existed and are gone."""
    values = {"topic": label, "after": after, "to": to}
    return dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def stored_delivery(message: StoredMessage, gateway_id: str) -> Delivery:
    """Return a stored message as it is delivered: stamped where its room type stamps."""
    body = message.body
    if message.stamp:
        body = stamped_body(body, message.sender, message.sequence, message.time_ms)
    return Delivery(
        message.sequence, message.operation, body, sender_number(message.session, gateway_id)
    )


def sender_number(session: str, gateway_id: str) -> int:
    """Return the number of the connection here that a session id means, 0 for one elsewhere."""
    head, _, number = session.rpartition(".")
    return int(number) if head == gateway_id and number.isdigit() else 0
