"""A gateway as the router sees it: it reports sessions, and answers commands."""

import asyncio

from bus.connection import Bus
from bus.replies import read_reply
from schemas.messages_pb2 import (
    CloseSession,
    GatewayCommand,
    KeyPush,
    KeyPushReply,
    PresenceReply,
    PresenceReport,
    Session,
)
from tests.router.reports import snapshot


class Gateway:
    """Hears `goim.gateway.<name>` on a bus and keeps what it was told."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus = bus
        self.name = name
        self.pushes: list[KeyPush] = []
        self.closings: asyncio.Queue[CloseSession] = asyncio.Queue()
        self.dropped = 0
        self.silent = False
        self.subscription = bus.subscribe(bus.subjects.gateway(name), self._receive)

    async def report(
        self, *sessions: Session, rooms: dict[str, int] | None = None
    ) -> PresenceReply:
        """Send a snapshot to the router."""
        return await self.send(snapshot(self.name, *sessions, rooms=rooms))

    async def send(self, report: PresenceReport) -> PresenceReply:
        """Send any report."""
        subject = self.bus.subjects.rpc("presence", "report")
        reply = await self.bus.call(subject, report.SerializeToString())
        return read_reply(reply, PresenceReply)

    def _receive(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        command = GatewayCommand.FromString(payload)
        if command.HasField("close"):
            self.closings.put_nowait(command.close)
            return
        self.pushes.append(command.push)
        if not self.silent:
            answer = KeyPushReply(sessions=len(command.push.keys), dropped=self.dropped)
            self.bus.publish(reply.decode(), answer.SerializeToString())
