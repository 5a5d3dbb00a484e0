"""Any lives of a few clients on a whole gateway, by real sockets and the real NATS.

Every request is answered once, in order; no message of a room reaches who is not in it, and none is
missed, repeated or out of order for who is; an end leaves nothing behind; the counters add up.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from json import dumps, loads
from typing import Any, ClassVar

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.close_codes import CloseCode
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from schemas.subjects import room_topic
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

PUSHED = 2000  # no client sends that one
MOST_CLIENTS = 3
OPEN_ROOMS, CLOSED_ROOM = ("a", "b", "c"), "closed"
RIGHTS = [{"pattern": "live://*", "receive": True, "send": True, "history": True}]
numbers = count(1)

rooms = st.sampled_from([*OPEN_ROOMS, CLOSED_ROOM, ""])
requests = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([Operation.CHANGE_ROOM, Operation.JOIN_ROOM, Operation.LEAVE_ROOM]),
            rooms,
        ),
        st.tuples(
            st.sampled_from(
                [
                    *(Operation.HEARTBEAT, Operation.SUBSCRIBE, Operation.SEND_MESSAGE),
                    *(Operation.ACKNOWLEDGE, Operation.SEND_TO, 1000, 5, -7),
                ]
            ),
            st.sampled_from(["", "1003,-4", "x"]),
        ),
    ),
    min_size=1,
    max_size=6,
)


@dataclass
class Person:
    """A client, the rooms that it was told to be in, and the numbers that it got of each."""

    client: Client
    mid: int
    key: str
    ext: bool
    room: str = ""
    further: set[str] = field(default_factory=set)
    got: dict[str, list[int]] = field(default_factory=dict)
    sequence: int = 0

    @property
    def hears(self) -> set[str]:
        return {self.room, *self.further} - {""}

    async def answer(self) -> Frame:
        """Return the next frame that is no push; each push is one of a room that it is in."""
        while True:
            frame = await self.client.receive()
            if frame.operation == PUSHED:
                room, number = frame.body.decode().rsplit(" ", 1)
                assert room in self.hears, (room, self.hears)
                self.got.setdefault(room, []).append(int(number))
            elif frame.operation != Operation.TOPIC:
                return frame


@dataclass
class World:
    """The gateway of all examples, in a loop of its own."""

    runner: asyncio.Runner
    harness: Harness


@pytest.fixture(scope="module")
def world(nats_url: str) -> Iterator[World]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        gateway = running_gateway(nats_url, f"model{os.getpid():x}", {"frames_burst": 1_000_000})
        harness = runner.run(gateway.__aenter__())
        harness.auth.grant = {"rooms": RIGHTS}
        yield World(runner, harness)
        runner.run(gateway.__aexit__(None, None, None))


class ConnectionMachine(RuleBasedStateMachine):
    """One example: its own rooms and members."""

    world: ClassVar[World]

    @initialize()
    def begin(self) -> None:
        self.example = next(numbers)
        self.people: list[Person] = []
        self.published: dict[str, list[int]] = {}
        counters = self.world.harness.gateway.counters
        self.frames_before = counters.frames_received
        self.closed_before = sum(counters.closed.values())
        self.frames = self.connected = 0

    @precondition(lambda self: len(self.people) < MOST_CLIENTS)
    @rule(websocket=st.booleans(), ext=st.booleans(), room=st.sampled_from(["", *OPEN_ROOMS]))
    def connect(self, websocket: bool, ext: bool, room: str) -> None:
        self._run(self._connect(websocket, ext, self._room(room), f"k{next(numbers)}"))

    @precondition(lambda self: self.people)
    @rule(pick=st.integers(0, 9), sent=requests, held=st.booleans(), meanwhile=rooms)
    def ask(self, pick: int, sent: list[tuple[int, str]], held: bool, meanwhile: str) -> None:
        self._run(self._ask(self._picked(pick), sent, held, self._room(meanwhile)))

    @precondition(lambda self: self.people)
    @rule(room=st.sampled_from(OPEN_ROOMS))
    def publish(self, room: str) -> None:
        self._run(self._publish_and_look(self._room(room)))

    @precondition(lambda self: self.people)
    @rule(pick=st.integers(0, 9), how=st.sampled_from(["hang up", "reset", "kick", "take over"]))
    def end(self, pick: int, how: str) -> None:
        person = self._picked(pick)
        self.people.remove(person)
        self._run(self._end(person, how))

    def teardown(self) -> None:
        if hasattr(self, "people"):
            self._run(self._finish())

    def _run(self, work: Any) -> None:
        self.world.runner.run(work)

    def _picked(self, pick: int) -> Person:
        return self.people[pick % len(self.people)]

    def _room(self, name: str) -> str:
        if name == CLOSED_ROOM:
            return f"chat://{self.example}"
        return f"live://{self.example}{name}" if name else ""

    async def _connect(self, websocket: bool, ext: bool, room: str, key: str) -> None:
        harness, mid = self.world.harness, next(numbers)
        token: dict[str, Any] = {"mid": mid, "key": key, "room_id": room, "ext": int(ext)}
        opened = harness.ws(**token) if websocket else harness.tcp(**token)
        self.people.append(Person(await opened, mid, key, ext, room))
        self.connected += 1
        self.frames += 1

    async def _ask(
        self, person: Person, sent: list[tuple[int, str]], held: bool, meanwhile: str
    ) -> None:
        """Send all at once; the answers come in that order, be the router slow or not."""
        router, data, asked = self.world.harness.router, b"", []
        for operation, word in sent:
            person.sequence += 1
            body = self._body(operation, word)
            frame = encode_frame(operation, body, 1, person.sequence)
            data += person.client.framed(frame)
            asked.append((operation, body, person.sequence))
        router.holds = held
        person.client.write(data)
        self.frames += len(sent)
        if meanwhile.startswith("live"):
            self._publish(meanwhile)
        await self.world.harness.delivered()
        router.holds = False
        router.let_go()
        for operation, body, sequence in asked:
            if not (operation == Operation.ACKNOWLEDGE and person.ext):
                self._check(person, operation, body, sequence, await person.answer())

    def _body(self, operation: int, word: str) -> bytes:
        if operation == Operation.CHANGE_ROOM:
            return self._room(word).encode()
        if operation in (Operation.JOIN_ROOM, Operation.LEAVE_ROOM):
            return dumps({"room": self._room(word)}).encode()
        return word.encode()

    def _check(
        self, person: Person, operation: int, body: bytes, sequence: int, got: Frame
    ) -> None:
        assert got.sequence == sequence, (operation, got)
        assert got.operation == self._answered_by(person, operation), (operation, got)
        if operation == Operation.CHANGE_ROOM:
            is_open = body.startswith(b"live")
            person.room = body.decode() if is_open else ""
            assert got.body == body or (person.ext and "error" in loads(got.body))
        elif operation == Operation.SUBSCRIBE:
            assert got.body == body
        elif operation in (Operation.JOIN_ROOM, Operation.LEAVE_ROOM) and person.ext:
            room = loads(body)["room"]
            if operation == Operation.LEAVE_ROOM:
                person.further.discard(room)
            elif room.startswith("live"):
                person.further.add(room)
            assert loads(got.body)["room"] == room
            refused = operation == Operation.JOIN_ROOM and not room.startswith("live")
            assert ("error" in loads(got.body)) == refused
        elif operation != Operation.HEARTBEAT and not person.ext:
            assert got.body == b""

    def _answered_by(self, person: Person, operation: int) -> int:
        extended = (Operation.SEND_TO, Operation.JOIN_ROOM, Operation.LEAVE_ROOM)
        if operation in (Operation.SEND_MESSAGE, 1000, Operation.SEND_TO) and person.ext:
            return Operation.SEND_MESSAGE_REPLY
        replied = (Operation.HEARTBEAT, Operation.CHANGE_ROOM, Operation.SUBSCRIBE)
        if operation in replied or (operation in extended and person.ext):
            return operation + 1
        return operation

    def _publish(self, room: str) -> int:
        number = next(numbers)
        self.published.setdefault(room, []).append(number)
        self.world.harness.store.publish(room_topic(room), f"{room} {number}".encode(), PUSHED)
        return number

    async def _publish_and_look(self, room: str) -> None:
        """What is published reaches all who are in the room, after all that they had missed."""
        number = self._publish(room)
        for person in self.people:
            if room in person.hears:
                while person.got.get(room, [0])[-1] != number:
                    person.sequence += 1
                    person.client.send(Operation.HEARTBEAT, sequence=person.sequence)
                    self.frames += 1
                    assert (await person.answer()).sequence == person.sequence
                got = person.got[room]
                assert got == self.published[room][-len(got) :]

    async def _end(self, person: Person, how: str) -> None:
        gateway, code = self.world.harness.gateway, 0
        connection = gateway.hub.by_key[person.key]
        if how == "hang up":
            await person.client.finish()
        elif how == "reset":
            person.client.reset()
        elif how == "kick":
            connection.close(CloseCode.KICKED)
            code = (await person.client.closed()).code
            assert code in (CloseCode.KICKED.number, 0)
        else:
            self.world.harness.auth.grant = {"rooms": RIGHTS, "mid": person.mid}
            await self._connect(websocket=False, ext=False, room="", key=person.key)
            self.world.harness.auth.grant = {"rooms": RIGHTS}
            self.people[-1].mid = person.mid
            assert (await person.client.closed()).code in (CloseCode.REPLACED.number, 0)
        await self.world.harness.is_true(lambda: connection.number not in gateway.hub.connections)
        assert connection.topics == ()
        assert not connection.session.waiting

    async def _finish(self) -> None:
        for person in self.people:
            await person.client.finish()
        await self.world.harness.emptied()
        counters = self.world.harness.gateway.counters
        assert counters.frames_received == self.frames_before + self.frames
        assert sum(counters.closed.values()) == self.closed_before + self.connected
        self.world.harness.clients.clear()


def test_any_lives_of_clients_are_as_they_are_told(world: World) -> None:
    ConnectionMachine.world = world
    run_state_machine_as_test(
        ConnectionMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
