"""Op 32 and 33 on the wire; the store answers from the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any

import pytest

from bus.errors import RpcError
from bus.service import Service
from schemas.headers import SESSION, encode_headers
from schemas.messages_pb2 import ReadReply, ReadRequest, ReadState, UnreadRequest
from schemas.operations import Operation
from schemas.subjects import member_topic
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

SOME = {"rooms": [{"pattern": "chat://*", "receive": True, "send": True}]}


@dataclass
class Reads:
    """The store: everything asked for is at the same state."""

    asked: list[ReadRequest | UnreadRequest] = field(default_factory=list)
    refusal: RpcError | None = None
    free: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def answer(self, request: ReadRequest | UnreadRequest) -> ReadReply:
        """goim.store.read, goim.store.unread."""
        self.asked.append(request)
        self.arrived.release()
        await self.free.wait()
        if self.refusal is not None:
            raise self.refusal
        reply = ReadReply(more=isinstance(request, UnreadRequest))
        for room in request.rooms:
            reply.rooms[room].CopyFrom(ReadState(read=1, unread=2, last=3))
        for peer in request.members:
            reply.members[peer].CopyFrom(ReadState(read=4, unread=5, last=2**62))
        return reply


def serves(reads: Reads) -> Callable[[Harness], None]:
    def serve(harness: Harness) -> None:
        service = Service(harness.bus, "reads", "1.0.0", "answers for the tests")
        rpc = harness.bus.subjects.rpc
        service.serve("read", rpc("store", "read"), ReadRequest, ReadReply, reads.answer)
        service.serve("unread", rpc("store", "unread"), UnreadRequest, ReadReply, reads.answer)

    return serve


@pytest.fixture
def reads() -> Reads:
    reads = Reads()
    reads.free.set()
    return reads


@pytest.fixture
async def harness(nats_url: str, prefix: str, reads: Reads) -> AsyncIterator[Harness]:
    async with running_gateway(
        nats_url, prefix, limits={"asks_at_once": 1}, before_start=serves(reads)
    ) as running:
        yield running


async def ready(client: Client) -> Client:
    await client.until_live("all")
    return client


async def ask(client: Client, wish: dict[str, Any]) -> dict[str, Any]:
    frame = await client.ask(Operation.READ, dumps(wish).encode(), 7)
    assert (frame.operation, frame.sequence) == (Operation.READ_REPLY, 7)
    told: dict[str, Any] = loads(frame.body)
    return told


async def test_what_is_read_goes_to_the_store_and_how_it_stands_comes_back(
    harness: Harness, reads: Reads
) -> None:
    client = await ready(await harness.ws(mid=5, ext=1))
    told = await ask(client, {"rooms": {"chat://us": 12}, "members": {"9": 0}})
    assert told == {
        "rooms": {"chat://us": {"read": 1, "unread": 2, "last": 3}},
        "members": {"9": {"read": 4, "unread": 5, "last": 2**62}},
    }
    request = reads.asked[0]
    assert isinstance(request, ReadRequest)
    assert (request.mid, dict(request.rooms), dict(request.members)) == (
        5,
        {"chat://us": 12},
        {9: 0},
    )
    assert request.session == f"{harness.gateway.id}.1"


async def test_nothing_asks_for_every_room_it_is_in_and_every_peer(
    harness: Harness, reads: Reads
) -> None:
    client = await ready(await harness.tcp(mid=5, room_id="chat://us", ext=1))
    for room in ("chat://two", "chat://us"):
        client.send(Operation.JOIN_ROOM, dumps({"room": room}).encode())
    while (await client.receive()).operation != Operation.JOIN_ROOM_REPLY:
        pass
    await harness.settled()
    client.send(Operation.READ, sequence=9)
    while (frame := await client.receive()).operation != Operation.READ_REPLY:
        pass
    told = loads(frame.body)
    assert (sorted(told["rooms"]), told["more"]) == (["chat://two", "chat://us"], True)
    request = reads.asked[0]
    assert isinstance(request, UnreadRequest)
    assert (request.mid, request.all_members) == (5, True)
    assert list(request.rooms) == ["chat://us", "chat://two"]


async def test_rooms_it_may_not_hear_are_refused_each_on_its_own(
    harness: Harness, reads: Reads
) -> None:
    harness.auth.grant = SOME
    client = await ready(await harness.ws(mid=5, ext=1))
    told = await ask(client, {"rooms": {"chat://us": 1, "vip://7": 1, "\ud800": 1}})
    assert told["rooms"]["chat://us"]["unread"] == 2
    for room in ("vip://7", "?"):
        error = told["rooms"][room]["error"]
        assert (error["code"], error["reason"], error["retry"]) == (403, "token_forbids", "never")
    assert list(reads.asked[0].rooms) == ["chat://us"]
    assert harness.gateway.counters.refused["room"] == 2


async def test_what_makes_no_sense_or_is_too_much_is_refused(
    harness: Harness, reads: Reads
) -> None:
    client = await ready(await harness.ws(mid=5, ext=1))
    assert (await ask(client, {"members": {"me": 1}}))["error"]["reason"] == "malformed"
    reads.free.clear()
    client.send(Operation.READ, sequence=1)
    await reads.arrived.acquire()
    assert (await ask(client, {}))["error"]["reason"] == "asks_at_once"
    reads.refusal = RpcError(503, "busy", "later")
    reads.free.set()
    frame = await client.receive()
    assert (frame.sequence, loads(frame.body)["error"]["reason"]) == (1, "unavailable")
    nobody = await ready(await harness.ws(ext=1))
    error = (await ask(nobody, {}))["error"]
    assert (error["code"], error["reason"]) == (403, "anonymous")
    refused = harness.gateway.counters.refused
    assert [refused[one] for one in ("malformed", "asks_at_once", "unavailable", "anonymous")] == [
        1
    ] * 4


async def test_the_members_other_ext_connections_are_told(harness: Harness) -> None:
    reader = await ready(await harness.ws(mid=5, key="a", ext=1))
    other = await ready(await harness.tcp(mid=5, key="b", ext=1))
    plain = await harness.tcp(mid=5, key="c", accepts=[33])
    stranger = await ready(await harness.ws(mid=6, key="d", ext=1))
    await harness.settled()
    subject = harness.bus.subjects.cast(member_topic(5), Operation.READ_REPLY)
    body = b'{"rooms": {}, "members": {"9": {"read": 3, "unread": 0, "last": 3}}}'
    session = encode_headers({SESSION: f"{harness.gateway.id}.1"})
    harness.bus.publish(subject, body, headers=session)
    await harness.delivered()
    frame = await other.receive()
    assert (frame.operation, frame.sequence, frame.body) == (Operation.READ_REPLY, 0, body)
    for client in (reader, plain, stranger, other):
        await client.is_quiet()
    harness.bus.publish(subject, body)  # by another way than a connection: all are told
    await harness.delivered()
    for client in (reader, other):
        assert (await client.receive()).body == body


async def test_what_was_read_comes_after_the_message_itself(harness: Harness) -> None:
    client = await ready(await harness.ws(mid=5, accepts=[1000], ext=1))
    await harness.settled()
    harness.store.publish(member_topic(5), b"read me")
    harness.bus.publish(harness.bus.subjects.cast(member_topic(5), Operation.READ_REPLY), b"{}")
    assert await client.bodies(2) == [b"read me", b"{}"]


async def test_a_connection_that_does_not_read_is_not_told(harness: Harness) -> None:
    client = await ready(await harness.ws(mid=5, ext=1))
    await harness.settled()
    connection = next(iter(harness.gateway.hub.connections.values()))
    connection.blocked = True
    subject = harness.bus.subjects.cast(member_topic(5), Operation.READ_REPLY)
    harness.bus.publish(subject, b"{}")
    await harness.delivered()
    assert harness.gateway.counters.dropped["slow_connection"] == 1
    connection.blocked = False
    await client.is_quiet()
