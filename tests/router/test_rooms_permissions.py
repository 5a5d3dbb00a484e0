"""What docs/subjects.md lets each service do on NATS is enough for rooms."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.errors import PublishRefused
from bus.rooms import RoomBook
from bus.service import Service
from bus.settings import BusSettings
from router.room_part import Rooms
from schemas.operations import Operation
from tests.bus.servers import NatsServer
from tests.router.room_servers import make_event_stream, policy_of

ROOM = b'{"room":"chat://us","owner":1}'


@pytest.fixture
def server(checkout: Path, tmp_path: Path) -> Iterator[NatsServer]:
    text = (checkout / "docs" / "subjects.md").read_text()
    (config,) = re.findall(r"```conf\n(.*?)```", text, re.DOTALL)
    server = NatsServer(tmp_path / "nats", config)
    yield server
    server.end()


async def test_the_documented_permissions_are_enough(server: NatsServer) -> None:
    await server.start()

    async def connect(user: str, number: int) -> Bus:
        url = f"nats://{user}:change-me-{number}@127.0.0.1:{server.port}"
        return await Bus.connect(BusSettings(nats_url=url, request_seconds=30), user)

    publisher, gateway, router, store = await asyncio.gather(
        connect("publisher", 1), connect("gateway", 2), connect("router", 4), connect("store", 5)
    )
    await make_event_stream(store)
    rooms = await Rooms.load(router, policy_of)
    service = Service(router, "router", "1.0.0", "rooms for the tests")
    rooms.serve(service)
    book = await RoomBook.load(gateway)
    await router.flush()
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    cast = gateway.subjects.cast("room.chat.us", Operation.ROOM_EVENT)
    gateway.subscribe(cast, lambda subject, reply, payload, headers: heard.put_nowait(payload))
    await gateway.flush()
    answer = await publisher.call("goim.rooms.open", ROOM)
    revision = int(json.loads(answer.payload)["room"]["revision"])
    await book.reach(revision, 30)
    assert book.held("room.chat.us") is not None
    assert json.loads(await heard.get())["event"] == "opened"
    await rooms.events.flush()
    assert rooms.events.counts["stored"] == 1
    with pytest.raises(PublishRefused):
        await gateway.call(book.bucket.subject("chat.us"), b"forged", seconds=30)
    assert (router.permission_errors, store.permission_errors) == (0, 0)
    await service.stop()
    await rooms.drain()
    await book.close()
    for bus in (publisher, gateway, router, store):
        await bus.drain()
