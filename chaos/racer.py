"""EDGE one client that is on its way while messages are published to it.

between   it leaves, or comes a second time, and logs in again, maybe at another gateway worker
login     in the instant of the answer to its auth frame
replay    while what it missed is being sent
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from json import dumps, loads
from random import Random
from typing import Any

from bus.connection import Bus, Reply
from chaos.arrivals import Arrivals
from chaos.wire import GoimConnection
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from schemas.subjects import member_topic, room_topic

KINDS = ("between", "login", "replay")
OPERATION = 1000
TRANSPORTS = ("ws", "tcp")
LOGIN_SECONDS, ANSWER_SECONDS = 10.0, 10.0
COMPLETE_SECONDS = 20.0
RETRY_SECONDS = 0.05
SHORT_SECONDS = 0.004  # some turns of everybody's loop
MOST_MISSED = 40
WRAP = 2**32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system is."""

    bus: Bus
    ports: dict[str, int]  # by transport
    token_of: Callable[[int, str], str]  # of a member and its room; "": the system asks for none


class Racer:
    """One member with one device, which tells where it is whenever it comes."""

    def __init__(self, mid: int, place: Place, random: Random) -> None:
        self.arrivals = Arrivals()
        self.published = 0
        self.logins = 0
        self._mid = mid
        self._place = place
        self._random = random
        self._room = f"chat://race {mid}"
        self._topics = {"member": member_topic(mid), f"room:{self._room}": room_topic(self._room)}
        self._token = place.token_of(mid, self._room)
        self._connection: GoimConnection | None = None
        self._old: list[GoimConnection] = []
        self._positions: dict[str, int] = {}
        self._label, self._run_end = "", 0
        self._live: set[str] = set()
        self._logged_in = False
        self._at_login: Callable[[], None] | None = None
        self._at_first: Callable[[], None] | None = None
        self._unanswered = 0
        self._changed = asyncio.Event()

    async def begin(self) -> None:
        """Be live on both topics once: all that is published from now on is due."""
        await self._log_in()
        await self._until(lambda: self._live >= self._topics.keys())

    async def race(self, kind: str) -> None:
        """Run one race to its end. Raises TimeoutError when no login comes about."""
        if kind == "between":
            await asyncio.gather(self._move(), self._publish_some())
        elif kind == "login":
            self._leave()
            self._at_login = self._publish_burst
            await self._log_in()
        else:
            self._leave()
            for _ in range(self._random.randint(1, MOST_MISSED)):
                self._publish()
            await self._until(lambda: not self._unanswered)
            self._at_first = self._publish_burst
            await self._log_in()
        await self._complete()

    def end(self) -> None:
        """Close all connections."""
        for connection in (*self._old, self._connection):
            if connection is not None:
                connection.reset()

    async def _move(self) -> None:
        await self._pause()
        self._leave()
        await self._pause()
        await self._log_in()

    async def _publish_some(self) -> None:
        for _ in range(self._random.randint(1, 6)):
            self._publish()
            await self._pause()

    def _publish_burst(self) -> None:
        for _ in range(self._random.randint(1, 3)):
            self._publish()

    async def _pause(self) -> None:
        choice = self._random.random()
        if choice > 0.3:
            await asyncio.sleep(0 if choice < 0.5 else self._random.uniform(0, SHORT_SECONDS))

    def _leave(self) -> None:
        """End the connection in one of the ways there are, or leave it to be replaced."""
        connection, self._connection = self._connection, None
        self._logged_in = False
        if connection is None:
            return
        ways = (connection.reset, connection.finish, connection.half_close, lambda: None)
        self._random.choice(ways)()
        for old in self._old:
            old.reset()
        self._old = [connection]

    async def _log_in(self) -> None:
        async with asyncio.timeout(LOGIN_SECONDS):
            while not await self._try_to_log_in():  # noqa: ASYNC110 - a try is an end
                await asyncio.sleep(RETRY_SECONDS)
        self.logins += 1

    async def _try_to_log_in(self) -> bool:
        transport = self._random.choice(TRANSPORTS)
        self._logged_in, self._connection, self._label = False, None, ""
        self._live.clear()
        port = self._place.ports[transport]
        try:
            connection = await GoimConnection.open(transport, port, self._receive)
        except (OSError, TimeoutError):
            return False
        self._connection = connection
        await self._pause()
        body = dumps(self._auth_values()).encode()
        connection.send(encode_frame(Operation.AUTH, body, sequence=1))
        await self._until(lambda: self._logged_in or connection.closed.is_set())
        return self._logged_in

    def _auth_values(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "mid": self._mid,
            "key": f"race {self._mid}",
            "room_id": self._room,
            "accepts": [OPERATION],
            "ext": 1,
        }
        if self._token:
            values["token"] = self._token
        if self._positions:
            rooms = {self._room: self._positions.get(f"room:{self._room}", 0)}
            values["resume"] = {"member": self._positions.get("member", 0), "rooms": rooms}
        return values

    def _publish(self) -> None:
        """Publish at once; what was stored is noted when JetStream says so."""
        label = self._random.choice(tuple(self._topics))
        bus = self._place.bus
        subject = bus.subjects.push(self._topics[label], OPERATION)
        self.published += 1
        self._unanswered += 1

        def note(reply: Reply) -> None:
            self._unanswered -= 1
            if reply.error is None:
                self.arrivals.store(label, int(loads(reply.payload)["seq"]))
            self._changed.set()

        bus.request(subject, b"%d" % self.published, note, ANSWER_SECONDS)

    async def _complete(self) -> None:
        """Wait until all that is due has come."""
        try:
            async with asyncio.timeout(COMPLETE_SECONDS):
                while self._unanswered or not self.arrivals.complete:
                    connection = self._connection
                    if connection is None or connection.closed.is_set():
                        await self._log_in()
                    self._changed.clear()
                    if self._unanswered or not self.arrivals.complete:
                        await self._changed.wait()
        except TimeoutError:
            self.arrivals.give_up()

    async def _until(self, condition: Callable[[], bool]) -> None:
        closed = self._connection.closed if self._connection is not None else None
        while not condition():
            self._changed.clear()
            waiting = [asyncio.ensure_future(self._changed.wait())]
            if closed is not None:
                waiting.append(asyncio.ensure_future(closed.wait()))
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waiting:
                    one.cancel()
            if closed is not None and closed.is_set():
                return

    def _receive(self, connection: GoimConnection, frame: Frame) -> None:
        if connection is not self._connection:
            return
        self._changed.set()
        if frame.operation == Operation.AUTH_REPLY:
            self._logged_in = True
            at_login, self._at_login = self._at_login, None
            if at_login is not None:
                at_login()
        elif frame.operation == Operation.TOPIC:
            values = loads(frame.body)
            self._label, self._run_end = str(values["topic"]), int(values["sequence"])
            if values.get("live") and self._label in self._topics:
                self._live.add(self._label)
                self._positions[self._label] = self._run_end
        elif frame.operation == Operation.GAP:
            values = loads(frame.body)
            self.arrivals.tell_gap(str(values["topic"]), int(values["to"]))
        elif frame.operation == OPERATION:
            self._receive_message(frame)

    def _receive_message(self, frame: Frame) -> None:
        sequence = self._run_end - (self._run_end - frame.sequence) % WRAP
        self._positions[self._label] = sequence
        self.arrivals.receive(self._label, sequence)
        at_first, self._at_first = self._at_first, None
        if at_first is not None:
            at_first()
