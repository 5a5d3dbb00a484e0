"""One gateway worker: what its connections share, and what is done for each of their actions."""

import asyncio
import time
from collections.abc import Coroutine
from json import dumps
from socket import gethostname
from typing import Any

import structlog

from bus.connection import Bus
from bus.limits import OF_GATEWAY, Excess
from bus.logs import RareLog
from bus.metrics import Reading
from bus.policies import PolicyBook
from bus.rooms import RoomBook
from gateway.catch_up import CatchingUp, stored_delivery
from gateway.commands import Commands
from gateway.connection import Connection
from gateway.counters import Counters
from gateway.deadlines import Deadlines
from gateway.fanout import Delivery
from gateway.front import FrontDoor
from gateway.history import History
from gateway.hub import Hub
from gateway.interest import Interest
from gateway.leaving import Leaving
from gateway.login import Login
from gateway.pacing import Pacing
from gateway.positions import Positions
from gateway.presence import Presence
from gateway.rates import Rates
from gateway.reads import Reads
from gateway.room_moves import RoomMoves
from gateway.room_rights import RoomRights
from gateway.session import (
    Acknowledge,
    Action,
    Ask,
    ChangeRoom,
    CheckToken,
    JoinRoom,
    LeaveRoom,
    RefuseOperations,
    Reply,
    SendTo,
    SendUpstream,
    TellOnline,
)
from gateway.settings import Settings
from gateway.topic import Topic
from gateway.upstream import Upstream
from gateway.websocket import WebSocketConnection
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import StoredMessage
from schemas.operations import Operation

log = structlog.get_logger()

SWEEP_SECONDS = 0.5


class Gateway:
    """Everything of one worker process but its listening sockets."""

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        policies: PolicyBook,
        gateway_id: str,
        version: str,
        book: RoomBook | None = None,
    ) -> None:
        self.settings = settings
        self.bus = bus
        self.policies = policies
        self.id = gateway_id
        self.version = version
        self.hostname = settings.hostname or gethostname()
        self.loop = asyncio.get_running_loop()
        self.draining = False
        self.failed = asyncio.Event()  # set when work that must not end has ended
        self.emptied = asyncio.Event()  # set when the last socket is gone while draining
        self.counters = Counters()
        limits = settings.limits
        self.excess = Excess(settings.limit_modes, OF_GATEWAY)
        self.address_frames = Rates(limits.address_frames_per_second, limits.address_frames_burst)
        self.address_messages = Rates(
            limits.address_messages_per_second, limits.address_messages_burst
        )
        self.hub: Hub[Connection] = Hub(limits)
        self.deadlines: Deadlines[Connection | FrontDoor] = Deadlines()
        self.stalled: set[Connection] = set()
        self.fragmenting: set[WebSocketConnection] = set()
        self._number = 0
        self._wrong_transport = RareLog("wrong_transport")
        self._tasks: set[asyncio.Task[None]] = set()
        self.presence = Presence(self)
        self.positions = Positions(self)
        self.leaving = Leaving(self)
        self.catching_up = CatchingUp(self)
        self.interest = Interest(self)
        self.rooms = RoomRights(self, book)
        self.moves = RoomMoves(self)
        self.pacing = Pacing(self)
        self.login = Login(self)
        self.upstream = Upstream(self)
        self.history = History(self)
        self.reads = Reads(self)
        self.commands = Commands(self)

    def start(self) -> None:
        """Begin the work that goes on by itself."""
        for work, name in (
            (self._keep_sweeping(), "sweep"),
            (self.presence.keep_reporting(), "presence"),
            (self.positions.keep_saving(), "positions"),
            (self.interest.keep_auditing(), "audit"),
        ):
            self.spawn(work, name).add_done_callback(lambda task: self.failed.set())

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that this gateway owns; its failure is logged."""
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def stop_tasks(self) -> None:
        """Cancel what start and spawn began."""
        for task in tuple(self._tasks):
            task.cancel()

    def next_number(self) -> int:
        """Return a number for a new connection, unique in this process."""
        self._number += 1
        return self._number

    def release(self, address: str) -> None:
        """A socket from this address is gone."""
        self.hub.release(address)
        if self.draining and not self.hub.sockets:
            self.emptied.set()

    def wall_time(self) -> float:
        """Return unix seconds."""
        return time.time()

    def carry_out(self, connection: Connection, action: Action) -> None:
        """Do what a session decided."""
        match action:
            case Reply(operation, body, version, sequence):
                connection.send_frame(operation, body, version, sequence)
            case TellOnline(version, sequence):
                count = self.presence.online(connection.session.room)
                body = min(count, 2**31 - 1).to_bytes(4, "big")
                connection.send_frame(Operation.HEARTBEAT_REPLY, body, version, sequence)
            case RefuseOperations(body, version, sequence):
                self.counters.refused["accepted_operations"] += 1
                connection.send_frame(Operation.SUBSCRIBE_REPLY, body, version, sequence)
            case SendUpstream():
                self.upstream.send(connection, action)
            case SendTo():
                self.upstream.send_to(connection, action)
            case CheckToken():
                self.login.check(connection, action)
            case ChangeRoom():
                self.moves.change(connection, action)
            case JoinRoom():
                self.moves.join(connection, action)
            case LeaveRoom():
                self.moves.leave(connection, action)
            case Ask(operation):
                asked = self.history if operation == Operation.HISTORY else self.reads
                asked.ask(connection, action)
            case Acknowledge(positions):
                self.positions.acknowledge(connection, positions)

    def unseat(self, connection: Connection) -> None:
        """Take an authenticated connection out of everything, once."""
        if self.hub.connections.get(connection.number) is not connection:
            return
        session = connection.session
        self.hub.remove(connection, session.key, session.mid)
        self.moves.leave_all(connection)
        self.presence.note_left(connection)
        self.positions.save_soon()

    def leave(self, connection: Connection, error: Exception | None) -> None:
        """A socket is gone: the end of a connection's life, in one line of the log."""
        session = connection.session
        self.stalled.discard(connection)
        if isinstance(connection, WebSocketConnection):
            self.fragmenting.discard(connection)
        self.unseat(connection)
        self.leaving.end(connection)
        self.release(connection.address)
        session.close()
        code = connection.close_code.number if connection.close_code else 1006
        self.counters.closed[code] += 1
        log.debug(
            "client_closed",
            session=connection.session_id,
            mid=session.mid,
            transport=connection.transport_name,
            code=code,
            error=type(error).__name__ if error else "",
            received_frames=connection.frames_received,
            sent_messages=connection.messages_sent,
            seconds=round(self.loop.time() - connection.opened_at, 3),
        )

    def flush(self, topic: Topic) -> None:
        """Write what is pending of a topic now."""
        self.interest.flush(topic)

    def delivery(self, message: StoredMessage) -> Delivery:
        """Return a stored message as it is delivered here."""
        return stored_delivery(message, self.id)

    def send_closing(
        self, connection: Connection, code: CloseCode, words: str, after_seconds: float
    ) -> None:
        """Tell an `ext` client why it is closed, and when to come back (op 29)."""
        values = {
            "code": code.number,
            "message": words or code.words,
            "retry": code.retry.value,
            "after": round(after_seconds, 1),
        }
        connection.send_frame(Operation.CLOSING, dumps(values, ensure_ascii=False).encode())

    def count_wrong_transport(self, rule: str) -> None:
        """A client speaks to the wrong port."""
        self.counters.refused[rule] += 1
        self._wrong_transport.warning(rule=rule)

    def readings(self) -> list[Reading]:
        """Give bus.metrics all numbers of this worker."""
        hub = self.hub
        gauges = (
            ("connections", "Authenticated connections", len(hub.connections)),
            ("sockets", "Open goim sockets", hub.sockets),
            ("rooms", "Rooms with members here", len(hub.rooms)),
            ("topics", "Subscriptions to NATS", len(self.interest.topics)),
            ("stalled", "Connections that do not read", len(self.stalled)),
        )
        readings: list[Reading] = [
            (f"goim_{name}", words, "gauge", (), [((), float(value))])
            for name, words, value in gauges
        ]
        return [*readings, *self.counters.readings(), *self.excess.readings()]

    async def _keep_sweeping(self) -> None:
        """Close what is late: handshakes, idle clients, stalled readers, endless messages."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._sweep(self.loop.time())

    def _sweep(self, now: float) -> None:
        for owner in self.deadlines.due(now):
            if isinstance(owner, FrontDoor):
                owner.time_out()
            else:
                owner.close(owner.session.overdue(now))
        stalled_seconds = self.settings.limits.stalled_seconds
        for connection in tuple(self.stalled):
            if now - connection.stalled_since > stalled_seconds:
                connection.close(CloseCode.TOO_SLOW)
                connection.transport.abort()
        for fragmenting in tuple(self.fragmenting):
            if fragmenting.message_overdue(now):
                fragmenting.close(CloseCode.MESSAGE_TIMEOUT)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task_failed", task=task.get_name(), exc_info=task.exception())
