"""EDGE bring connections up to date from the store, then live; many of them in one request."""

from functools import partial
from json import dumps
from typing import TYPE_CHECKING

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import ReplyUnreadable, read_reply
from gateway.fanout import EXT, Delivery, encode_control, topic_frame
from schemas.frame import encode_frame
from schemas.messages_pb2 import ReplayReply, ReplayRequest, StoredMessage, TopicMessages, Want
from schemas.operations import Operation
from schemas.stamp import stamped_body
from schemas.subjects import topic_room_type

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway
    from gateway.topic import Topic

WANTS_IN_A_REQUEST = 64
REQUESTS_IN_FLIGHT = 16
REPLAY_SECONDS = 10.0
RETRY_SECONDS = 0.5
MOST_NEWEST = 10_000  # messages that a client may ask for by "the newest n"; the store gives fewer


class CatchUp:
    """A connection that is not live on a topic. `after` is what it has; None: the store knows."""

    __slots__ = (
        "after",
        "asking",
        "begins",
        "casts",
        "connection",
        "heard",
        "more",
        "newest",
        "over",
        "topic",
    )

    def __init__(
        self, connection: "Connection", topic: "Topic", after: int | None, newest: int, casts: int
    ) -> None:
        self.connection = connection
        self.topic = topic
        self.after = after
        self.newest = min(newest, MOST_NEWEST)
        self.casts = casts  # cast messages before those that it is to get
        self.heard = topic.heard  # what comes above this came after it had joined
        self.more = True  # the store may have more than `recent`
        self.begins = False  # it gets nothing from before it joined
        self.asking = False
        self.over = False


class CatchingUp:
    """All that catch up on this gateway."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._wanted: list[CatchUp] = []
        self._in_flight = 0
        self._scheduled = False
        self._unavailable = RareLog("replay_unavailable")

    def prepare(
        self, connection: "Connection", topic: "Topic", after: int | None = None, newest: int = 0
    ) -> CatchUp:
        """Note where the connection is; it must hold the topic, and `begin` comes next."""
        catch_up = self._add(CatchUp(connection, topic, after, newest, topic.casts))
        catch_up.asking = True  # nothing else wakes it
        return catch_up

    def begin(self, catch_up: CatchUp) -> None:
        """Ask the store, unless the connection has left the topic, or nobody can be missing it."""
        if not catch_up.over and not self._begin_here(catch_up):
            self._ask(catch_up)

    def fall_behind(
        self, connection: "Connection", topic: "Topic", position: int, casts: int
    ) -> CatchUp:
        """A connection that was live until this position is let to `resume` later."""
        catch_up = self._add(CatchUp(connection, topic, position, 0, casts))
        catch_up.more = False
        return catch_up

    def _add(self, catch_up: CatchUp) -> CatchUp:
        connection = catch_up.connection
        if connection.behind is None:
            connection.behind = {}
        connection.behind[catch_up.topic] = catch_up
        catch_up.topic.start_catching_up()
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
        if catch_up.more or not self._go_live(catch_up):
            self._ask(catch_up)

    def tell_gap_to_all(self, topic: "Topic", after: int, to: int) -> None:
        """Messages that live connections did not get are gone from the store too."""
        for receiver in tuple(topic.live):
            self._tell_gap(receiver, topic, after, to)  # type: ignore[arg-type]

    def _begin_here(self, catch_up: CatchUp) -> bool:
        """Let a connection go live at once whose device the store can't know; else return False.

        It gets nothing from before it joined, and where the topic is, is known here.
        """
        topic = catch_up.topic
        if (
            catch_up.connection.session.mid > 0
            or catch_up.after is not None
            or catch_up.newest
            or not topic.is_complete
            or (topic.room and self._gateway.policies.of(topic_room_type(topic.name)).first)
        ):
            return False
        catch_up.asking = catch_up.more = False
        catch_up.begins = True
        catch_up.after = topic.begin_after(catch_up.heard, topic.received)
        return self._go_live(catch_up)

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
            if len(answer.topics) != len(bundle):
                raise ReplyUnreadable("ReplayReply")
        except (BusError, RpcError) as error:
            self._retry(bundle, str(error))
        else:
            for catch_up, page in zip(bundle, answer.topics, strict=True):
                if catch_up.over:
                    continue
                if page.HasField("error"):
                    self._retry([catch_up], page.error.message)
                else:
                    self._take(catch_up, page)
        if self._wanted:
            self._send()

    def _retry(self, catch_ups: list[CatchUp], error: str) -> None:
        """Ask again a little later; nothing else wakes them until then."""
        self._unavailable.warning(connections=len(catch_ups), error=error)
        self._gateway.counters.refused["replay_unavailable"] += len(catch_ups)
        self._gateway.loop.call_later(RETRY_SECONDS, self._resume_all, catch_ups)

    def _resume_all(self, catch_ups: list[CatchUp]) -> None:
        for catch_up in catch_ups:
            catch_up.asking = False
            self.resume(catch_up)

    def _take(self, catch_up: CatchUp, page: TopicMessages) -> None:
        connection, topic = catch_up.connection, catch_up.topic
        messages, more = page.messages, page.more
        catch_up.asking = False
        if connection.blocked and messages:  # another of its topics had place for one page
            catch_up.after, catch_up.newest, catch_up.more = page.started_after, 0, True
            return
        if page.gap_to and catch_up.after != page.gap_to:
            self._tell_gap(connection, topic, page.started_after, page.gap_to)
        if messages:
            deliveries = [self._gateway.delivery(message) for message in messages]
            topic.send_to(connection, deliveries, page.started_after)
            self._gateway.counters.replayed += len(deliveries)
        begins = catch_up.after is None and not catch_up.newest and not messages
        catch_up.after = page.reached  # not what a client says: a topic's first one settles it
        if begins and not more:
            catch_up.after = topic.begin_after(catch_up.heard, catch_up.after)
            catch_up.begins = True
        catch_up.newest = 0
        catch_up.more = more
        if connection.blocked:
            return  # it goes on when it can be written to again
        if messages or more:
            self.resume(catch_up)
        elif not self._go_live(catch_up) and not connection.blocked:
            self._retry([catch_up], "the store is behind")

    def _go_live(self, catch_up: CatchUp) -> bool:
        connection, topic = catch_up.connection, catch_up.topic
        assert catch_up.after is not None
        if topic.base is None:
            self._gateway.interest.settle(topic, catch_up.after)
        if topic.pending:
            self._gateway.flush(topic)
        if connection.blocked or not topic.can_go_live(catch_up.after):
            return False
        missed = topic.go_live(connection, catch_up.after, catch_up.casts)
        if catch_up.begins:
            topic.expect_stragglers(connection, catch_up.heard)
        if missed:
            self._gateway.counters.dropped["catching_up"] += missed
        self.stop(catch_up)
        if connection.kind & EXT:
            position = topic.position(connection) or catch_up.after
            frame = topic_frame(topic.label, position, live=True)
            data = encode_control(frame, connection.kind)
            connection.queue(data)  # after a login several go in one
            self._gateway.counters.bytes_sent += len(data)
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
        body = stamped_body(
            body, message.sender, message.sequence, message.time_ms, message.recipient
        )
    return Delivery(
        message.sequence, message.operation, body, sender_number(message.session, gateway_id)
    )


def sender_number(session: str, gateway_id: str) -> int:
    """Return the number of the connection here that a session id means, 0 for one elsewhere."""
    head, _, number = session.rpartition(".")
    if head != gateway_id or not number.isascii() or not number.isdigit() or len(number) > 18:
        return 0
    return int(number)
