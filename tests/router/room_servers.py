"""The room calls of one router over NATS, for the tests: with the stream of events, and asked in
JSON, as anybody with a NATS client would."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bus.connection import Bus
from bus.service import Service
from bus.settings import BusSettings
from bus.stream_api import create_stream
from router.room_part import Rooms
from schemas.policies import BUILT_IN, DEFAULT, Policy

OWN = {"small": Policy(most_members=2, most_owned=1, most_name=5)}


def policy_of(room_type: str) -> Policy:
    return OWN.get(room_type) or BUILT_IN.get(room_type, DEFAULT)


async def make_event_stream(bus: Bus) -> None:
    """Make the stream EVENT as far as rooms need it."""
    subjects = [f"{bus.subjects.prefix}.event.room.>"]
    await create_stream(bus, {"name": bus.subjects.stream("EVENT"), "subjects": subjects})


@asynccontextmanager
async def serving_rooms(nats_url: str, prefix: str) -> AsyncIterator[Rooms]:
    """Serve `goim.rooms.*` on a bus of its own."""
    settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=30)
    bus = await Bus.connect(settings, "router")
    rooms = await Rooms.load(bus, policy_of)
    service = Service(bus, "router", "1.0.0", "rooms for the tests")
    rooms.serve(service)
    await bus.flush()
    try:
        yield rooms
    finally:
        await service.stop()
        await rooms.drain()
        await bus.drain()


class Asker:
    """Asks the calls in JSON."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def ask(self, call: str, room: str = "", actor: int = 0, **more: Any) -> dict[str, Any]:
        """Return the whole answer."""
        request = {"room": room, "actor": actor} | more
        if not room:
            del request["room"]
        subject = self.bus.subjects.rpc("rooms", call)
        reply = await self.bus.call(subject, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(reply.payload)
        return answer

    async def do(self, call: str, room: str, actor: int = 0, **more: Any) -> dict[str, Any]:
        """Return the room after a call that works."""
        answer = await self.ask(call, room, actor, **more)
        assert "error" not in answer, answer
        told: dict[str, Any] = answer["room"]
        return told

    async def reason(self, call: str, room: str = "", actor: int = 0, **more: Any) -> str:
        """Return the reason of a call that is refused."""
        return str((await self.ask(call, room, actor, **more))["error"]["reason"])

    async def events(self) -> list[dict[str, Any]]:
        """Return all events that are kept."""
        stream = self.bus.subjects.stream("EVENT")
        state = (await self.bus.jetstream.stream_info(stream)).state
        messages = [
            await self.bus.jetstream.get_msg(stream, number)
            for number in range(1, state.last_seq + 1)
        ]
        return [{"subject_": one.subject} | json.loads(one.data or b"") for one in messages]
