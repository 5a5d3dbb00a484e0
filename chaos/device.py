"""EDGE one raw client: logs in, takes frames, answers for its ledger; its manner is manners.py's.

A plain client's last frame tells the server that it has read what its kernel acknowledged. So it
never stops reading, and is never reset, between a frame it sent and the answer to that, unless it
has read what was there. A connection on which an answer stays out is cut.
"""

import asyncio
from json import JSONDecodeError, dumps, loads
from typing import Any

from chaos.ledger import NO_TOPIC, DeviceLog, label_topic, read_body
from chaos.planted import Plant
from chaos.population import Persona
from chaos.sendings import Sending, make_sending
from chaos.wire import GoimConnection
from chaos.world import World
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from schemas.subjects import room_topic

ANSWER_SECONDS = 12.0  # for a login or a room: longer than any pause of a process
SLOW_RECEIVE_BYTES = 4096
FURTHER_SHARE = 0.3  # of its rooms are further ones from the beginning
WRAP = 2**32
FIRST_BUSINESS = 100
TRY_LATER = (429, 503)
REPLIES = frozenset(
    {
        Operation.AUTH_REPLY,
        Operation.HEARTBEAT_REPLY,
        Operation.SEND_MESSAGE_REPLY,
        Operation.CHANGE_ROOM_REPLY,
        Operation.JOIN_ROOM_REPLY,
        Operation.LEAVE_ROOM_REPLY,
    }
)


class Device:
    """One client of any protocol but the library's."""

    def __init__(self, persona: Persona, world: World, plant: Plant) -> None:
        self.persona = persona
        self.world = world
        self.random = world.random(persona.name)
        self.log = DeviceLog(
            persona.name,
            persona.mid,
            persona.device,
            persona.key,
            persona.ext,
            persona.protocol == "resuming",
            frozenset(persona.accepts),
        )
        world.ledger.devices[persona.name] = self.log
        self.connection: GoimConnection | None = None
        self.room = self.random.choice(persona.rooms)
        wanted = [one for one in persona.rooms if self.random.random() < FURTHER_SHARE]
        self.further = set(wanted if persona.ext else ())  # rooms that it hears by op 21
        self.logged_in = False
        self.logged_in_at = 0.0
        self.last_frame_at = 0.0
        self.live: set[str] = set()  # labels that were said to be live on this visit
        self.sending: Sending | None = None
        self._plant = plant
        self._token = world.token(persona)
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._number = self.random.randrange(1, 2**30)
        self._positions: dict[str, int] = {}  # by label
        self._acknowledged: dict[str, int] = {}
        self._label = ""
        self._run_end = 0
        self._hung: list[GoimConnection] = []
        self._changing = asyncio.Lock()

    async def log_in(self) -> bool:
        """Connect and log in; False when that failed."""
        persona = self.persona
        receive_bytes = SLOW_RECEIVE_BYTES if persona.manner == "slow" else 0
        port = self.world.ports[persona.transport]
        self._forget_connection()
        try:
            connection = self.connection = await GoimConnection.open(
                persona.transport, port, self._receive, receive_bytes
            )
        except (OSError, TimeoutError) as error:
            self.world.note_refusal(type(error).__name__)
            return False
        answer = await self.ask(Operation.AUTH, dumps(self._auth_values()).encode())
        if answer is None:
            self.world.note_refusal("no answer to the auth frame")
            connection.reset()
            return False
        return True

    def cut(self) -> None:
        """Break the connection as a network does."""
        if self.connection is not None:
            self.connection.reset()

    async def hang(self) -> None:
        """Stop reading for good without closing."""
        if self.connection is not None and await self.until_answered():
            self.connection.hang()
            self._hung.append(self.connection)
            self.connection = None
            self.logged_in = False
            for old in self._hung[:-2]:
                old.reset()
            del self._hung[:-2]

    def close_hung(self) -> None:
        """Let go of the sockets that hang."""
        for connection in self._hung:
            connection.reset()
        self._hung.clear()

    async def until_answered(self) -> bool:
        """Wait until nothing that was sent is unanswered; False when the connection ended."""
        while self._waiting and self.is_connected:
            await asyncio.wait(self._waiting.values(), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # who asked takes the answer
        return self.is_connected

    @property
    def is_connected(self) -> bool:
        """True while the login holds, as far as this side knows."""
        connection = self.connection
        return self.logged_in and connection is not None and not connection.closed.is_set()

    @property
    def heard(self) -> set[str]:
        """The rooms that it is in."""
        return {self.room, *self.further} - {""} if self.is_connected else set()

    async def ask(self, operation: int, body: bytes = b"", number: int = 0) -> Frame | None:
        """Send a frame and return its answer; None when the connection ended or none came."""
        connection = self.connection
        if connection is None or connection.closed.is_set():
            return None
        number = number or self.next_number()
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        connection.send(encode_frame(operation, body, sequence=number))
        closed = asyncio.ensure_future(connection.closed.wait())
        try:
            await asyncio.wait(
                (answer, closed), timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not (answer.done() or closed.done()):
                self.world.note_refusal("no answer")
                connection.reset()
            return answer.result() if answer.done() and not answer.cancelled() else None
        finally:
            closed.cancel()
            answer.cancel()  # who else waits for it goes on
            self._waiting.pop(number, None)

    async def beat(self) -> None:
        """Tell the server that this client is there and, with the extensions, what it has."""
        if self.persona.ext:
            self.acknowledge()
        await self.ask(Operation.HEARTBEAT)

    def acknowledge(self) -> None:
        """Say by op 18 what has come."""
        new = {
            label: sequence
            for label, sequence in self._positions.items()
            if sequence > self._acknowledged.get(label, -1)
        }
        if new and self.connection is not None and self.is_connected:
            self._acknowledged |= new
            body = dumps(_by_kind(new)).encode()
            self.connection.send(encode_frame(Operation.ACKNOWLEDGE, body))

    async def change_room(self, room: str) -> None:
        """Be in another room; one that the token does not open ends in no room."""
        async with self._changing:
            await self._change_room(room)

    async def _change_room(self, room: str) -> None:
        old, ledger = self.room, self.world.ledger
        if self.persona.ext:
            self.acknowledge()
        if room not in self.further:  # else it goes on as it is
            self.log.entered(ledger.index(room_topic(room)))
            self.live.discard(f"room:{room}")
        self.room = room
        answer = await self.ask(Operation.CHANGE_ROOM, room.encode())
        if answer is None:
            self.cut()
            self.room = room if room in self.persona.rooms else ""
            return
        if old and old != room and old not in self.further:
            self.log.left(ledger.index(room_topic(old)))
        if room not in self.persona.rooms:
            self.log.left(ledger.index(room_topic(room)))
            self.room = ""

    async def join_room(self, room: str) -> None:
        """Hear one more room; one that the token does not open is refused."""
        async with self._changing:
            if room != self.room:
                self.log.entered(self.world.ledger.index(room_topic(room)))
                self.live.discard(f"room:{room}")
            wish: dict[str, Any] = {"room": room}
            position = self._positions.get(f"room:{room}")
            if self.log.resumes and position is not None:
                wish["resume"] = position
            answer = await self.ask(Operation.JOIN_ROOM, dumps(wish).encode())
            if answer is None:
                self.cut()
            elif "error" not in _json(answer.body):
                self.further.add(room)
            elif room != self.room:
                self.log.left(self.world.ledger.index(room_topic(room)))

    async def leave_room(self, room: str) -> None:
        """Hear a further room no more."""
        async with self._changing:
            self.acknowledge()
            self.further.discard(room)
            if await self.ask(Operation.LEAVE_ROOM, dumps({"room": room}).encode()) is None:
                self.cut()
            elif room != self.room:
                self.log.left(self.world.ledger.index(room_topic(room)))

    async def send_message(self) -> None:
        """Send a message to the room or a member, or one again that was not answered."""
        if self.sending is None:
            connection, number = self.log.connections, self.next_number()
            self.sending = make_sending(
                self.persona, self.world, self.random, self.room, connection, number
            )
        sending = self.sending
        if sending is None or not sending.fits(self.room):
            return
        answer = await self.ask(sending.operation, sending.body, sending.frame_number)
        if not self.persona.ext:
            self.sending = None  # what became of it nobody knows: it is not sent again
        elif answer is not None:
            self._take_answer(sending, _json(answer.body))

    def next_number(self) -> int:
        """Return a number for a frame."""
        self._number += 1
        return self._number

    def _take_answer(self, sending: Sending, values: dict[str, Any]) -> None:
        error = values.get("error")
        if not error:
            self.world.sent["room" if sending.room else "member"] += 1
            sequences = sending.sequences(int(values.get("sequence", 0)))
            self.world.ledger.acknowledge(sending.number, sequences, self.world.now())
        if not error or error.get("code") not in TRY_LATER:
            self.sending = None

    def _forget_connection(self) -> None:
        self.logged_in = False
        self.live.clear()
        self._label = ""
        for answer in self._waiting.values():
            answer.cancel()
        self._waiting.clear()

    def _auth_values(self) -> dict[str, Any]:
        persona = self.persona
        values: dict[str, Any] = {
            "mid": persona.mid,
            "key": persona.key,
            "room_id": self.room,
            "platform": persona.platform,
            "accepts": list(persona.accepts),
            "token": self._token,
        }
        if persona.ext:
            values["ext"] = 1
            values["rooms"] = sorted(self.further)
        if self.log.resumes and self._positions:
            values["resume"] = _by_kind(self._positions)
        return values

    def _receive(self, connection: GoimConnection, frame: Frame) -> None:
        if connection is not self.connection:
            return
        operation = frame.operation
        waiting = self._waiting.get(frame.sequence)
        echo = waiting is not None and not frame.body and operation >= FIRST_BUSINESS
        if operation in REPLIES or echo:
            if operation == Operation.AUTH_REPLY:
                self._note_login(_json(frame.body))
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)
        elif operation == Operation.TOPIC and self.persona.ext:
            self._begin_run(_json(frame.body))
        elif operation == Operation.GAP and self.persona.ext:
            self._note_gap(_json(frame.body))
        elif operation >= FIRST_BUSINESS:
            for one in self._plant.change(self.persona, self._label, frame):
                self._note_push(one)

    def _note_login(self, told: dict[str, Any]) -> None:
        """It counts from the op 8 frame on: pushes may be right behind it."""
        self.logged_in = True
        self.logged_in_at = self.world.now()
        self.log.opened()
        self.further = set(told.get("rooms", ()))
        for room in {self.room, *self.further} - {""}:
            self.log.entered(self.world.ledger.index(room_topic(room)))

    def _begin_run(self, values: dict[str, Any]) -> None:
        self._label, self._run_end = str(values["topic"]), int(values["sequence"])
        if values.get("live"):
            self.live.add(self._label)
            self._positions[self._label] = self._run_end
            self.log.live(self._index(), self._run_end)

    def _note_gap(self, values: dict[str, Any]) -> None:
        self._label = str(values["topic"])
        after, to = int(values["after"]), int(values["to"])
        self._positions[self._label] = max(to, self._positions.get(self._label, 0))
        self.log.gap(self._index(), after, to)

    def _note_push(self, frame: Frame) -> None:
        now = self.world.now()
        self.last_frame_at = now
        self.world.pulse.beat(now, self.persona.manner)
        number, sequence = read_body(frame.body)
        topic = NO_TOPIC
        if self.persona.ext:
            topic = self._index()
            if frame.sequence:
                sequence = self._run_end - (self._run_end - frame.sequence) % WRAP
                self._positions[self._label] = sequence
        self.log.frame(topic, frame.operation, number, sequence)
        self._note_delay(number, now)

    def _note_delay(self, number: int, now: float) -> None:
        message = self.world.ledger.message(number)
        if self.persona.manner != "steady" or message is None:
            return
        if not message.topics[0].startswith("room."):  # it may have been in another one
            acked = message.acked_at
            if acked > self.logged_in_at:
                self.world.pulse.slowest = max(self.world.pulse.slowest, now - acked)

    def _index(self) -> int:
        topic = label_topic(self._label, self.persona.mid, self.persona.key)
        return self.world.ledger.index(topic)


def _by_kind(positions: dict[str, int]) -> dict[str, Any]:
    """Return positions by label as op 18 and `resume` have them."""
    values: dict[str, Any] = {
        label: sequence for label, sequence in positions.items() if label in ("member", "all")
    }
    values["rooms"] = {
        label.removeprefix("room:"): sequence
        for label, sequence in positions.items()
        if label.startswith("room:")
    }
    return values


def _json(body: bytes) -> dict[str, Any]:
    try:
        values = loads(body)
    except (JSONDecodeError, UnicodeDecodeError):
        return {}
    return values if isinstance(values, dict) else {}
