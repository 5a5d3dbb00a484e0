"""EDGE one socket: carries out the session's actions, and bounds what is unsent."""

import asyncio
from typing import TYPE_CHECKING, cast

from bus.limits import ADDRESS_FRAMES, CONNECTION_FRAMES
from gateway.fanout import EXT, encode_control
from gateway.sends import Sends
from gateway.session import Session, State
from gateway.writing import NO_DESCRIPTOR, write_now
from schemas.close_codes import CloseCode
from schemas.frame import Frame, encode_frame
from schemas.subjects import room_topic

if TYPE_CHECKING:
    from gateway.catch_up import CatchUp
    from gateway.gateway import Gateway
    from gateway.topic import Topic

CLOSE_SECONDS = 2.0  # for the peer to answer a close frame, and to close
MOST_VISITED = 64  # rooms remembered of one connection


class Connection(asyncio.Protocol):
    """What both transports share. A subclass turns bytes into frames and back.

    No task, no timer, no closure and no dict per connection: 18,000 of these are held.
    """

    __slots__ = (
        "address",
        "backlog",
        "behind",
        "blocked",
        "buffer",
        "close_code",
        "cookie",
        "delivered",
        "descriptor",
        "frames_received",
        "gateway",
        "kind",
        "messages_sent",
        "number",
        "opened_at",
        "queued",
        "sends",
        "session",
        "stalled_since",
        "topics",
        "transport",
        "visited",
        "watched",
        "written_at_end",
    )

    transport_name = ""
    base_kind = 0

    def __init__(self, gateway: "Gateway", address: str, cookie: str = "") -> None:
        now = gateway.loop.time()
        limits = gateway.settings.limits
        self.gateway = gateway
        self.transport: asyncio.Transport
        self.address = address
        self.cookie = cookie
        self.number = gateway.next_number()
        self.kind = self.base_kind
        self.session = Session(
            bool(self.base_kind),
            now,
            limits.auth_seconds,
            limits.frames_burst,
            limits.accepted_operations,
        )
        self.sends: Sends | None = None  # messages that the router has not answered
        self.buffer = b""
        self.descriptor = NO_DESCRIPTOR
        self.queued = True  # something may wait in the transport: the upgrade wrote there
        self.blocked = False  # the transport holds more than it should: nothing is added
        self.stalled_since = 0.0
        self.backlog: list[Frame] | None = None  # frames behind one that is being answered
        self.topics: tuple[Topic, ...] = ()  # what it holds, live or catching up
        self.behind: dict[Topic, CatchUp] | None = None
        self.delivered: dict[str, int] | None = None  # positions that are certain, by topic
        self.visited: dict[str, int] | None = None  # rooms it is not in: what it has of them
        self.written_at_end: dict[str, int] | None = None  # by topic, when it was closed here
        self.close_code: CloseCode | None = None
        self.opened_at = now
        self.watched = 0
        self.frames_received = 0
        self.messages_sent = 0

    @property
    def accepts(self) -> frozenset[int]:
        """The operations of member, key and all pushes that it takes."""
        return self.session.accepts

    @property
    def session_id(self) -> str:
        """Unique for ever, over all gateways."""
        return f"{self.gateway.id}.{self.number}"

    @property
    def deadline(self) -> float | None:
        """When the session's time is up (monotonic seconds); None once it is closed."""
        return None if self.session.state is State.CLOSED else self.session.deadline

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket (asyncio.Protocol)."""
        self.transport = cast(asyncio.Transport, transport)
        unsent = self.gateway.settings.limits.unsent_bytes
        self.transport.set_write_buffer_limits(high=unsent, low=unsent // 4)
        peer = transport.get_extra_info("socket")
        if peer is not None and transport.get_extra_info("sslcontext") is None:
            self.descriptor = peer.fileno()
        self.gateway.deadlines.watch(self, self.gateway.loop.time())

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone (asyncio.Protocol)."""
        self.descriptor = NO_DESCRIPTOR  # the number may be another socket's soon
        for topic in self.topics:
            topic.unprepare()
        self.gateway.leave(self, error)

    def eof_received(self) -> bool:
        """The client has closed after reading all it was sent, else its kernel had reset."""
        if self.close_code is None:
            self.gateway.positions.certify(self)
        else:
            self.gateway.positions.certify_end(self, ended=True)
        return False

    def position(self, topic: "Topic") -> int | None:
        """Return up to where a topic that it holds was written to it; None: not known yet."""
        position = topic.position(self)
        if position is None and self.behind is not None and topic in self.behind:
            return self.behind[topic].after
        return position

    def remember(self, room: str, position: int) -> None:
        """Keep what it has of a room that it is not in, to go on there when it comes back."""
        if self.visited is None:
            self.visited = {}
        self.visited[room] = position
        if len(self.visited) > MOST_VISITED:
            forgotten = next(iter(self.visited))
            del self.visited[forgotten]
            if self.delivered is not None:
                self.delivered.pop(room_topic(forgotten), None)

    def pause_writing(self) -> None:
        """Over the mark: live messages pass by this connection from now on."""
        self.blocked = True
        self.stalled_since = self.gateway.loop.time()
        self.gateway.stalled.add(self)

    def resume_writing(self) -> None:
        """The client reads again: it catches up on what passed by, and is answered again."""
        self.blocked = False
        self.gateway.stalled.discard(self)
        for catch_up in tuple((self.behind or {}).values()):
            self.gateway.catching_up.resume(catch_up)
        if self.backlog and not self.session.waiting:
            self.go_on()

    def handle_frame(self, frame: Frame) -> None:
        """Let the session decide about a frame, or keep it until the one before is answered.

        A client that does not read its answers is not given more of them to hold.
        """
        self.frames_received += 1
        gateway, session = self.gateway, self.session
        gateway.counters.frames_received += 1
        limits, now = gateway.settings.limits, gateway.loop.time()
        if not self.may_go_on(now):
            return
        if session.waiting or self.blocked or self.backlog:
            if self.backlog is None:
                self.backlog = []
            self.backlog.append(frame)
            if len(self.backlog) >= limits.waiting_frames:
                self.transport.pause_reading()
            return
        action = session.receive_frame(frame, now)
        if session.state is State.OPEN and not session.ext:
            gateway.positions.certify(self)
        if action is not None:
            gateway.carry_out(self, action)

    def may_go_on(self, now: float) -> bool:
        """Count a frame; where it is over a rate the connection is closed, unless in a dry run."""
        gateway, limits = self.gateway, self.gateway.settings.limits
        fits = self.session.take_frame(now, limits.frames_per_second, limits.frames_burst)
        if not fits and gateway.excess.refuses(CONNECTION_FRAMES):
            self.close(CloseCode.RATE_EXCEEDED)
            return False
        wait = gateway.address_frames.wait(self.address, now)
        if wait and gateway.excess.refuses(ADDRESS_FRAMES):
            self.close(CloseCode.RATE_EXCEEDED, "too many frames from your address")
            return False
        return True

    def go_on(self) -> None:
        """The frame in hand is answered, or the client reads again: take those that came."""
        backlog, self.backlog = self.backlog, None
        session, gateway = self.session, self.gateway
        while backlog and not (session.waiting or self.blocked or session.state is State.CLOSED):
            frame = backlog.pop(0)
            action = session.receive_frame(frame, gateway.loop.time())
            if action is not None:
                gateway.carry_out(self, action)
        if backlog:
            self.backlog = backlog
        elif session.state is not State.CLOSED:
            self.transport.resume_reading()

    def queue(self, data: bytes) -> None:
        """Write through the transport; nothing is written past what waits there."""
        self.queued = True
        self.transport.write(data)
        if self.transport.get_write_buffer_size():
            for topic in self.topics:
                topic.unprepare()

    def still_queued(self) -> bool:
        """Look whether something still waits in the transport."""
        self.queued = self.transport.get_write_buffer_size() > 0
        return self.queued

    def send(self, data: bytes, messages: int = 0) -> None:
        """Write messages that are framed for this transport already."""
        write_now(self, data)
        self.messages_sent += messages
        counters = self.gateway.counters
        counters.messages_sent += messages
        counters.bytes_sent += len(data)

    def send_frame(self, operation: int, body: bytes, version: int = 1, sequence: int = 0) -> None:
        """Write one frame, together with others of this turn of the loop."""
        data = encode_control(encode_frame(operation, body, version, sequence), self.kind)
        self.queue(data)
        self.gateway.counters.bytes_sent += len(data)

    def close(self, code: CloseCode, words: str = "", after_seconds: float = 0.0) -> None:
        """Tell the client why, as far as its protocol can, and end the connection."""
        if self.close_code is None and self.session.state is not State.CLOSED:
            if self.kind & EXT:
                self.gateway.send_closing(self, code, words, after_seconds)
            self.depart(code)
            self.end(code, words)

    def turn_away(self) -> None:
        """The gateway ends: a client that is not logged in yet goes elsewhere."""
        if self.session.state in (State.AWAITING_AUTH, State.CHECKING):
            self.close(CloseCode.GOING_AWAY)

    def depart(self, code: CloseCode) -> None:
        """Take the connection out of everything; its socket is still open. Call once."""
        self.close_code = code
        if self.session.state is State.OPEN:
            self.gateway.positions.note_end(self)
            self.gateway.unseat(self)
        self.session.close()

    def finish(self) -> None:
        """Close after what is written; wait for the client's FIN where that says what it got."""
        if self.written_at_end is None:
            self.transport.close()
        else:
            self.linger()

    def linger(self) -> None:
        """Send FIN after what is written; the socket is gone with the client's, or in 2 s."""
        if self.transport.is_closing():
            return
        if not self.transport.can_write_eof():  # TLS
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except OSError:  # it was reset, and a write was told so
            self.transport.abort()
            return
        self.gateway.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def end(self, code: CloseCode, words: str) -> None:
        """Close the socket; each transport does it its way."""
        raise AssertionError("each transport has its own")
