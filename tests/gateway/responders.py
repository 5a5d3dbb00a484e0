"""What a gateway asks for over NATS, answered in a few lines: auth, store, router, presence."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecodeError, dumps, loads
from typing import Any

from bus.connection import Bus
from bus.errors import RpcError
from bus.service import Service
from schemas.headers import FROM, LAST_SEQUENCE, SEQUENCE, SESSION, STAMP, TO, encode_headers
from schemas.messages_pb2 import (
    Error,
    LastReply,
    LastRequest,
    PositionReply,
    PositionRequest,
    PresenceReply,
    PresenceReport,
    ReplayReply,
    ReplayRequest,
    SendReply,
    StoredMessage,
    TopicMessages,
    Want,
)

AWAY = RpcError(503, "away", "later")
ANY_ROOM = [{"pattern": "*", "receive": True, "send": True, "history": True}]


@dataclass
class FakeAuth:
    """Grants what goim's auth JSON says, as open mode does."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    answer: bytes | None = None  # set: this to everybody
    grant: dict[str, Any] = field(default_factory=dict)  # beside what the client says
    hangs: bool = False
    held: list[Callable[[bytes], None]] = field(default_factory=list)

    def handle(
        self,
        subject: bytes,
        payload: bytes,
        headers: bytes | None,
        answer: Callable[[bytes], None],
    ) -> None:
        """Answer one check."""
        self.requests.append(loads(payload))
        if self.hangs:
            self.held.append(answer)
        else:
            answer(self.answer or self._granted(self.requests[-1]["token"]))

    def _granted(self, token: str) -> bytes:
        try:
            values = loads(token)
        except JSONDecodeError:
            return dumps({"error": {"code": 4001, "message": "bad token"}}).encode()
        resume = values.get("resume") or {}
        topics = {**resume, **resume.get("rooms", {})}
        topics.pop("rooms", None)
        grant = {
            "mid": values.get("mid", 0),
            "key": values.get("key", ""),
            "room": values.get("room_id", ""),
            "platform": values.get("platform", ""),
            "accepts": values.get("accepts", []),
            "rooms": ANY_ROOM,
            "ext": values.get("ext") == 1,
            "resume": {"topics": topics},
            "join": values.get("rooms") or [],
        }
        return dumps(grant | self.grant).encode()


@dataclass
class FakeStore:
    """All messages of all topics in memory; it publishes them as nats-server republishes."""

    bus: Bus
    page_messages: int = 100
    away: bool = False
    tells_counts: bool = True
    end: int = 100
    topics: dict[str, list[StoredMessage]] = field(default_factory=lambda: defaultdict(list))
    gone_to: dict[str, int] = field(default_factory=dict)
    positions: dict[tuple[int, str, str], int] = field(default_factory=dict)
    replays: list[Want] = field(default_factory=list)
    audits: list[LastRequest] = field(default_factory=list)
    saves: int = 0
    refusal: RpcError | None = None  # of positions
    on_position: asyncio.Event | None = None  # positions are answered when this is set
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _last: dict[tuple[str, int], int] = field(default_factory=dict)

    def publish(
        self,
        topic: str,
        body: bytes,
        operation: int = 1000,
        lost: bool = False,
        headers: dict[str, str] | None = None,
    ) -> int:
        """Store a message, and deliver it unless it is to get lost; return its sequence."""
        self.end += 1
        values = headers or {}
        message = StoredMessage(
            sequence=self.end,
            operation=operation,
            body=body,
            session=values.get(SESSION, ""),
            stamp=values.get(STAMP) == "1",
            sender=int(values.get(FROM, 0)),
            recipient=int(values.get(TO, 0)),
        )
        self.topics[topic].append(message)
        before = self._last.get((topic, operation), 0)
        self._last[topic, operation] = self.end
        if not lost:
            self.deliver(topic, message, before, values)
        return self.end

    def deliver(
        self, topic: str, message: StoredMessage, before: int, headers: dict[str, str]
    ) -> None:
        """Publish what is stored, as nats-server does."""
        values = {**headers, SEQUENCE: str(message.sequence), LAST_SEQUENCE: str(before)}
        subject = self.bus.subjects.kept(topic, message.operation)
        self.bus.publish(subject, message.body, headers=encode_headers(values))

    def trim(self, topic: str, sequence: int) -> None:
        """Retention takes all up to this sequence."""
        self.topics[topic] = [one for one in self.topics[topic] if one.sequence > sequence]
        self.gone_to[topic] = sequence

    async def replay(self, request: ReplayRequest) -> ReplayReply:
        """goim.store.replay."""
        self._note()
        self.replays.extend(request.wants)
        return ReplayReply(topics=[self._page(want) for want in request.wants])

    async def last(self, request: LastRequest) -> LastReply:
        """goim.store.last."""
        self.audits.append(request)
        self._note()
        reply = LastReply()
        for number, topic in enumerate(request.topics):
            stored = [one.sequence for one in self.topics[topic]]
            reply.sequences.append(max(stored, default=self.gone_to.get(topic, 0)))
            reply.ends.append(self.end)
            if self.tells_counts:
                reply.counts.append(sum(one > request.after[number] for one in stored))
        return reply

    async def position(self, request: PositionRequest) -> PositionReply:
        """goim.store.position."""
        self._note()
        if self.refusal is not None:
            raise self.refusal
        self.saves += 1
        if self.on_position is not None:
            await self.on_position.wait()
        for one in request.positions:
            for topic, sequence in one.topics.items():
                key = (one.mid, one.device, topic)
                self.positions[key] = max(sequence, self.positions.get(key, 0))
        return PositionReply(saved=len(request.positions))

    def _note(self) -> None:
        self.changed.set()
        if self.away:
            raise AWAY

    def _page(self, want: Want) -> TopicMessages:
        gone, stored = self.gone_to.get(want.topic, 0), self.topics[want.topic]
        position = self.positions.get((want.mid, want.device, want.topic))
        if want.has_after:
            after = want.after if want.after <= self.end else gone
        elif want.newest:
            after = stored[-want.newest].sequence - 1 if len(stored) >= want.newest else gone
        elif position is not None:
            after = position
        else:
            after = gone if want.topic.startswith("member.") else self.end
        left = [one for one in stored if one.sequence > after]
        messages, more = left[: self.page_messages], len(left) > self.page_messages
        return TopicMessages(
            topic=want.topic,
            messages=messages,
            reached=messages[-1].sequence if more else self.end,
            more=more,
            started_after=after,
            gap_to=gone if gone > after else 0,
        )


@dataclass
class FakeRouter:
    """Answers what clients send, at once or when it is let."""

    sent: list[tuple[str, bytes, bytes]] = field(default_factory=list)  # subject, body, headers
    holds: bool = False
    error: Error | None = None
    duplicate: bool = False
    held: list[Callable[[], None]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def handle(
        self,
        subject: bytes,
        payload: bytes,
        headers: bytes | None,
        answer: Callable[[bytes], None],
    ) -> None:
        """Answer one message with its number."""
        self.sent.append((subject.decode(), payload, headers or b""))
        self.arrived.set()
        reply = SendReply(sequence=len(self.sent), duplicate=self.duplicate)
        if self.error is not None:
            reply = SendReply(error=self.error)
        data = reply.SerializeToString()
        if self.holds:
            self.held.append(lambda: answer(data))
        else:
            answer(data)

    def let_go(self) -> None:
        """Answer all that was held."""
        held, self.held = self.held, []
        for answer in held:
            answer()


@dataclass
class FakePresence:
    """Remembers reports."""

    reports: list[PresenceReport] = field(default_factory=list)
    reply: PresenceReply = field(default_factory=PresenceReply)
    away: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def report(self, report: PresenceReport) -> PresenceReply:
        """goim.presence.report."""
        self.reports.append(report)
        self.arrived.set()
        if self.away:
            raise AWAY
        reply = PresenceReply()
        reply.CopyFrom(self.reply)
        self.reply.resend = False
        return reply


@dataclass
class Responders:
    """All of them on one bus."""

    bus: Bus
    auth: FakeAuth = field(default_factory=FakeAuth)
    router: FakeRouter = field(default_factory=FakeRouter)
    presence: FakePresence = field(default_factory=FakePresence)
    services: dict[str, Service] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = FakeStore(self.bus)

    def start(self) -> None:
        """Begin to answer."""
        rpc = self.bus.subjects.rpc
        for name in ("auth", "router"):
            self._add(name)
        self.services["auth"].serve_raw("check", rpc("auth", "check"), self.auth.handle)
        up = f"{self.bus.subjects.prefix}.up.>"
        self.services["router"].serve_raw("up", up, self.router.handle)
        direct = f"{self.bus.subjects.prefix}.direct.>"
        self.services["router"].serve_raw("direct", direct, self.router.handle)
        self.services["router"].serve(
            "report",
            rpc("presence", "report"),
            PresenceReport,
            PresenceReply,
            self.presence.report,
        )
        self.serve_store()

    def _add(self, name: str) -> Service:
        service = Service(self.bus, name, "1.0.0", "answers for the tests")
        self.services[name] = service
        service.start()
        return service

    def serve_store(self) -> None:
        """Begin to answer as the store."""
        rpc, store, serve = self.bus.subjects.rpc, self.store, self._add("store").serve
        serve("replay", rpc("store", "replay"), ReplayRequest, ReplayReply, store.replay)
        serve("last", rpc("store", "last"), LastRequest, LastReply, store.last)
        serve("position", rpc("store", "position"), PositionRequest, PositionReply, store.position)
