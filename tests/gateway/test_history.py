"""Op 30 and 31 on the wire; the store answers from the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any

import pytest

from bus.errors import RpcError
from bus.service import Service
from schemas.messages_pb2 import HistoryReply, HistoryRequest, StoredMessage, TopicMessages
from schemas.operations import Operation
from schemas.rooms import RoomRecord
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.test_room_rights import write

LIMITS = {"asks_at_once": 2, "asks_per_second": 0.001, "asks_burst": 12}


@dataclass
class Pages:
    """The store: one page for everybody, once it is let go."""

    asked: list[HistoryRequest] = field(default_factory=list)
    reply: HistoryReply = field(default_factory=HistoryReply)
    refusal: RpcError | None = None
    free: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def history(self, request: HistoryRequest) -> HistoryReply:
        """goim.store.history."""
        self.asked.append(request)
        self.arrived.release()
        await self.free.wait()
        if self.refusal is not None:
            raise self.refusal
        return self.reply


def serves(pages: Pages) -> Callable[[Harness], None]:
    def serve(harness: Harness) -> None:
        service = Service(harness.bus, "pages", "1.0.0", "answers for the tests")
        subject = harness.bus.subjects.rpc("store", "history")
        service.serve("history", subject, HistoryRequest, HistoryReply, pages.history)

    return serve


@pytest.fixture
def pages() -> Pages:
    pages = Pages()
    pages.free.set()
    return pages


@pytest.fixture
async def harness(nats_url: str, prefix: str, pages: Pages) -> AsyncIterator[Harness]:
    async with running_gateway(
        nats_url, prefix, limits=LIMITS, before_start=serves(pages), with_rooms=True
    ) as running:
        yield running


async def ready(client: Client) -> Client:
    await client.until_live("all")
    return client


async def ask(client: Client, sequence: int = 7, **wish: Any) -> dict[str, Any]:
    frame = await client.ask(Operation.HISTORY, dumps(wish).encode(), sequence)
    assert (frame.operation, frame.sequence) == (Operation.HISTORY_REPLY, sequence)
    told: dict[str, Any] = loads(frame.body)
    return told


async def test_a_page_comes_as_stamps_oldest_first(harness: Harness, pages: Pages) -> None:
    pages.reply = HistoryReply(
        page=TopicMessages(
            messages=[
                StoredMessage(sequence=5, operation=4, body="hé".encode(), sender=9, time_ms=77),
                StoredMessage(sequence=2**40, operation=1000, body=b"\xff\0"),
            ],
            more=True,
        ),
        gone_to=4,
    )
    client = await ready(await harness.ws(mid=5, ext=1))
    told = await ask(client, room="chat://us", before=2**41, limit=1000)
    assert told == {
        "room": "chat://us",
        "messages": [
            {"sequence": 5, "operation": 4, "time": 77, "from": 9, "body": "hé"},
            {"sequence": 2**40, "operation": 1000, "time": 0, "from": 0, "bytes": "ÿ\0"},
        ],
        "more": True,
    }
    request = pages.asked[0]
    assert (request.room, request.before, request.limit) == ("chat://us", 2**41, 200)
    assert (request.mid, request.peer, request.most_bytes) == (0, 0, 65_536)


async def test_direct_messages_are_ones_own_with_that_member(
    harness: Harness, pages: Pages
) -> None:
    message = StoredMessage(sequence=5, operation=4, body=b"x", sender=5, recipient=9, time_ms=7)
    pages.reply = HistoryReply(page=TopicMessages(messages=[message]), gone_to=3)
    client = await ready(await harness.tcp(mid=5, ext=1))
    told = await ask(client, member=9)
    stamp = {"sequence": 5, "operation": 4, "time": 7, "from": 5, "to": 9, "body": "x"}
    assert told == {"member": 9, "messages": [stamp], "more": False, "gap": 3}
    assert (pages.asked[0].mid, pages.asked[0].peer, pages.asked[0].limit) == (5, 9, 50)


async def test_who_may_not_read_is_told_why(harness: Harness, pages: Pages) -> None:
    harness.auth.grant = {"rooms": [{"pattern": "chat://us", "receive": True, "send": True}]}
    client = await ready(await harness.ws(mid=5, ext=1))
    wishes: list[dict[str, Any]] = [
        {"room": room} for room in ("chat://us", "vip://7", "\ud800", "x" * 999)
    ]
    for wish in wishes:
        told = await ask(client, **wish)
        assert told["error"]["code"] == 403
    harness.auth.grant = {}
    member = await ready(await harness.ws(mid=6, key="b", ext=1))
    await write(harness, RoomRecord(owner=1, access="invitation"))
    error = (await ask(member, room="chat://us"))["error"]
    assert (error["code"], error["reason"], error["retry"]) == (403, "not_a_member", "never")
    nobody = await ready(await harness.ws(ext=1, key="c"))
    assert (await ask(nobody, member=9))["error"]["reason"] == "anonymous"
    assert (await ask(nobody, room=""))["error"]["code"] == 400
    assert pages.asked == []
    refused = harness.gateway.counters.refused
    assert (refused["not_a_member"], refused["anonymous"], refused["malformed"]) == (1, 1, 1)


async def test_a_right_that_ends_while_the_store_looks_counts(
    harness: Harness, pages: Pages
) -> None:
    pages.free.clear()
    client = await ready(await harness.ws(mid=6, ext=1))
    client.send(Operation.HISTORY, b'{"room": "chat://us"}', sequence=3)
    await pages.arrived.acquire()
    await write(harness, RoomRecord(owner=1, access="closed"))
    pages.free.set()
    told = loads((await client.receive()).body)
    assert told["error"]["reason"] == "room_closed"
    assert "messages" not in told


async def test_too_many_are_refused_and_nothing_waits_for_them(
    harness: Harness, pages: Pages
) -> None:
    pages.free.clear()
    client = await ready(await harness.ws(mid=5, ext=1))
    for number in (1, 2):
        client.send(Operation.HISTORY, b'{"member": 9}', sequence=number)
        await pages.arrived.acquire()
    error = (await ask(client, sequence=3, member=9))["error"]
    assert (error["code"], error["reason"], error["retry"]) == (429, "asks_at_once", "later")
    await client.is_quiet()
    pages.free.set()
    answered = {(await client.receive()).sequence for _ in range(2)}
    assert answered == {1, 2}
    for number in range(10):
        assert "messages" in await ask(client, sequence=10 + number, member=9)
    error = (await ask(client, member=9))["error"]
    assert (error["code"], error["reason"]) == (429, "asks_per_second")
    refused = harness.gateway.counters.refused
    assert (refused["asks_at_once"], refused["asks_per_second"]) == (1, 1)


async def test_what_the_store_says_no_to_is_passed_on(harness: Harness, pages: Pages) -> None:
    client = await ready(await harness.ws(mid=5, ext=1))
    pages.refusal = RpcError(400, "no such thing", reason="bad_field")
    assert (await ask(client, member=9))["error"] == {
        "code": 400,
        "reason": "bad_field",
        "message": "no such thing",
        "retry": "never",
        "after": 0,
    }
    pages.refusal = RpcError(503, "the view is behind", "later")
    error = (await ask(client, member=9))["error"]
    assert (error["code"], error["reason"], error["retry"]) == (503, "unavailable", "later")
    assert harness.gateway.counters.refused["unavailable"] == 1


async def test_a_client_that_has_left_is_not_answered(harness: Harness, pages: Pages) -> None:
    pages.free.clear()
    client = await ready(await harness.tcp(mid=5, ext=1))
    client.send(Operation.HISTORY, b'{"member": 9}')
    await pages.arrived.acquire()
    client.reset()
    await harness.emptied()
    pages.free.set()
    await harness.delivered()


async def test_plain_clients_have_their_frame_echoed(harness: Harness, pages: Pages) -> None:
    client = await harness.tcp(mid=5)
    for operation in (Operation.HISTORY, Operation.READ):
        frame = await client.ask(operation, b'{"member": 9}')
        assert (frame.operation, frame.body) == (operation, b"")
    assert pages.asked == []
