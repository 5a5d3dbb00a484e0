"""Any order of joining, leaving, switching, bans, cuts and messages: each once and in order.

What a connection hears is compared with a model at every frame: a message of a room that it is not
in must not come, and in the end all that was published since it came to a room is there.
"""

from collections.abc import AsyncIterator
from itertools import count
from json import dumps, loads
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.operations import Operation
from schemas.rooms import Restriction, RoomRecord, encode_record
from schemas.subjects import room_topic
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

MID = 5
ROOMS = 3
JOIN, LEAVE, CHANGE = Operation.JOIN_ROOM, Operation.LEAVE_ROOM, Operation.CHANGE_ROOM
rooms = st.integers(0, ROOMS - 1)
steps = st.one_of(
    st.tuples(st.just("publish"), rooms, st.booleans()),
    st.tuples(st.just("join"), rooms, st.booleans()),
    st.tuples(st.sampled_from(["leave", "switch", "ban", "unban"]), rooms, st.just(False)),
    st.tuples(st.sampled_from(["go out", "cut", "flush"]), st.just(0), st.just(False)),
)
examples = count()


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    limits = {"frames_burst": 100_000, "recent_messages": 3}
    async with running_gateway(nats_url, prefix, with_rooms=True, limits=limits) as running:
        running.store.page_messages = 2
        yield running


class Person:
    """A member with one connection after the other, and what it knows of each room."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        example = next(examples)
        self.rooms = [f"chat://{example}-{number}" for number in range(ROOMS)]
        self.client: Client
        self.focus = ""
        self.joined: set[str] = set()
        self.banned: set[str] = set()
        self.published: dict[str, list[int]] = {room: [] for room in self.rooms}
        self.got: dict[str, list[int]] = {room: [] for room in self.rooms}
        self.positions: dict[str, int] = {}  # as a client knows them
        self.came: dict[str, int] = {}  # what was published above this may come
        self.begun: dict[str, int] = {}  # and above this must
        self.told: set[str] = set()  # rooms whose position this connection's server knows
        self.flushed = harness.store.end
        self._label = ""
        self._number = 100

    def hears(self, room: str) -> bool:
        return room == self.focus or room in self.joined

    def publish(self, room: str, lost: bool) -> None:
        """Publish; only where its position is known, a message may get lost on its way."""
        store = self.harness.store
        lost = lost and (room in self.told or not self.hears(room))
        self.published[room].append(
            store.publish(room_topic(room), b"%d" % (store.end + 1), lost=lost)
        )

    async def flush(self) -> None:
        """Wait until NATS has all that was published."""
        await self.harness.bus.flush()
        self.flushed = self.harness.store.end

    def begin(self, room: str) -> None:
        """It is in the room now; where the server knows no position of it, it begins here.

        What was on its way to NATS before may still come.
        """
        self.came.setdefault(room, self.flushed)
        if room not in self.told:
            self.begun[room] = self.harness.store.end

    async def log_in(self) -> None:
        self._label = ""
        self.client = await self.harness.ws()
        further = sorted(self.joined - self.banned)
        known = {room: n for room, n in self.positions.items() if room not in self.banned}
        token = {
            "mid": MID,
            "ext": 1,
            "room_id": self.focus,
            "rooms": further,
            "resume": {"rooms": known},
        }
        answer = await self.client.auth(**token)
        assert loads(answer.body)["rooms"] == further if further else True
        self.joined = set(further)
        self.told = set(known)
        for room in {self.focus, *further} - {""}:
            self.begin(room)

    async def ask(self, operation: int, body: bytes) -> dict[str, Any]:
        """Send a request, and take all that comes until its answer."""
        self._number += 1
        self.client.send(operation, body, sequence=self._number)
        while True:
            frame = await self.client.receive()
            if (frame.operation, frame.sequence) == (operation + 1, self._number):
                echoed = operation == CHANGE and frame.body == body
                values = {"room": body.decode()} if echoed else loads(frame.body)
                assert isinstance(values, dict)
                return values
            self.take(frame.operation, frame.body)

    def take(self, operation: int, body: bytes) -> None:
        if operation == Operation.TOPIC:
            values = loads(body)
            self._label = values["topic"].removeprefix("room:")
            if values.get("live") and self._label in self.got:
                self.positions[self._label] = values["sequence"]
                self.told.add(self._label)
        elif operation == Operation.ROOM_LEFT:
            room = loads(body)["room"]
            assert self.hears(room)
            self.joined.discard(room)
            self.focus = "" if room == self.focus else self.focus
        else:
            assert self.hears(self._label), (self._label, body)
            sequence = int(body)
            assert sequence > self.positions.get(self._label, 0)
            self.got[self._label].append(sequence)
            self.positions[self._label] = sequence

    async def join(self, room: str, tells: bool) -> None:
        wish: dict[str, Any] = {"room": room}
        if tells and room in self.positions:
            wish["resume"] = self.positions[room]
        heard = self.hears(room)
        answer = await self.ask(JOIN, dumps(wish).encode())
        assert ("error" in answer) is (room in self.banned)
        if room not in self.banned:
            self.joined.add(room)
            if "resume" in wish:
                self.told.add(room)
            if not heard:
                self.begin(room)

    async def leave(self, room: str) -> None:
        assert await self.ask(LEAVE, dumps({"room": room}).encode()) == {"room": room}
        self.joined.discard(room)

    async def switch(self, room: str) -> None:
        heard = self.hears(room)
        answer = await self.ask(CHANGE, room.encode())
        assert ("error" in answer) is (room in self.banned)
        self.focus = "" if room in self.banned else room
        if self.focus and not heard:
            self.begin(room)

    async def ban(self, room: str, banned: bool) -> None:
        """Change the room's record, and wait until the gateway has it."""
        bucket = await self.harness.bus.jetstream.key_value(
            self.harness.bus.subjects.bucket("ROOMS")
        )
        record = RoomRecord(owner=1, banned={MID: Restriction(0, 1, "")} if banned else {})
        key = room_topic(room).removeprefix("room.")
        revision = await bucket.put(key, encode_record(record))
        book = self.harness.gateway.rooms.book
        assert book is not None
        await book.reach(revision, 30)
        was_in = self.hears(room)
        (self.banned.add if banned else self.banned.discard)(room)
        while banned and was_in and self.hears(room):
            frame = await self.client.receive()
            self.take(frame.operation, frame.body)

    async def do(self, what: str, number: int, flag: bool) -> None:
        room = self.rooms[number]
        match what:
            case "publish":
                self.publish(room, lost=flag)
            case "join":
                await self.join(room, tells=flag)
            case "leave":
                await self.leave(room)
            case "switch":
                await self.switch(room)
            case "go out":
                await self.switch("")
            case "ban" | "unban":
                await self.ban(room, what == "ban")
            case "flush":
                await self.flush()
            case "cut":
                self.client.reset()
                await self.log_in()

    async def hear_all_to_the_end(self) -> None:
        """Be in every room, and take what comes until the last message of each."""
        for room in self.rooms:
            if room in self.banned:
                await self.ban(room, False)
            await self.join(room, tells=True)
            self.publish(room, lost=False)
        while any(self.got[room][-1:] != self.published[room][-1:] for room in self.rooms):
            frame = await self.client.receive()
            self.take(frame.operation, frame.body)
        self.client.send(Operation.HEARTBEAT)
        while (frame := await self.client.receive()).operation != Operation.HEARTBEAT_REPLY:
            self.take(frame.operation, frame.body)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=20, max_size=40))
async def test_each_message_of_rooms_one_is_in_comes_once_and_none_of_others(
    harness: Harness, taken: list[tuple[str, int, bool]]
) -> None:
    person = Person(harness)
    await person.log_in()
    try:
        for what, number, flag in taken:
            await person.do(what, number, flag)
        await person.hear_all_to_the_end()
    finally:
        person.client.reset()
    for room in person.rooms:
        got, published = person.got[room], person.published[room]
        assert got == [one for one in published if one in set(got)]
        assert all(one > person.came[room] for one in got)
        assert {one for one in published if one > person.begun[room]} <= set(got)
    await harness.emptied()
