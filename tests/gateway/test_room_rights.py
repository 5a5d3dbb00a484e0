"""Records of rooms at a whole gateway: who gets in, who must leave at once, what is told."""

from collections.abc import AsyncIterator
from dataclasses import replace
from json import dumps, loads
from typing import Any

import pytest
from nats.js.kv import KeyValue

from schemas.messages_pb2 import Error
from schemas.operations import Operation
from schemas.policies import Policy
from schemas.rooms import (
    CLOSED,
    INVITATION,
    Departure,
    Restriction,
    RoomRecord,
    encode_record,
)
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

ROOM, TOPIC, KEY = "chat://us", "room.chat.us", "chat.us"
PUBLIC_ROOM = RoomRecord(owner=1, members=frozenset({1, 2, 3}))
PRIVATE = replace(PUBLIC_ROOM, access=INVITATION)


@pytest.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, with_rooms=True) as running:
        yield running


async def bucket_of(harness: Harness) -> KeyValue:
    bus = harness.bus
    return await bus.jetstream.key_value(bus.subjects.bucket("ROOMS"))


async def write(harness: Harness, record: RoomRecord) -> None:
    """Store a record and wait until the gateway has it."""
    revision = await (await bucket_of(harness)).put(KEY, encode_record(record))
    book = harness.gateway.rooms.book
    assert book is not None
    await book.reach(revision, 30)


async def left(client: Client) -> dict[str, Any]:
    """Return what an `ext` client is told when it is put out of the room."""
    while (frame := await client.receive()).operation != Operation.ROOM_LEFT:
        pass
    told: dict[str, Any] = loads(frame.body)
    assert told["room"] == ROOM
    error: dict[str, Any] = told["error"]
    return error


@pytest.mark.parametrize("mid", [9, 0])
async def test_strangers_are_kept_out_at_login_and_by_op_12(harness: Harness, mid: int) -> None:
    await write(harness, PRIVATE)
    client = await harness.ws()
    client.send(Operation.AUTH, dumps({"mid": mid, "room_id": ROOM}).encode())
    closed = await client.closed()
    assert (closed.code, closed.words) == (4006, "the room is for its members")
    stranger = await harness.tcp(mid=mid, ext=1)
    await stranger.until_live("all")
    answer = await stranger.ask(Operation.CHANGE_ROOM, ROOM.encode())
    assert loads(answer.body)["error"] == {
        "code": 403,
        "message": "the room is for its members",
        "reason": "not_a_member",
        "retry": "never",
        "after": 0,
    }
    plain = await harness.tcp(mid=mid)
    assert (await plain.ask(Operation.CHANGE_ROOM, ROOM.encode())).body == ROOM.encode()
    member = await harness.tcp(mid=2, room_id=ROOM)
    await harness.settled()
    harness.store.publish(TOPIC, b"for members")
    assert await member.bodies(1) == [b"for members"]
    await plain.is_quiet()


async def test_the_token_counts_too(harness: Harness) -> None:
    await write(harness, PUBLIC_ROOM)
    harness.auth.grant = {"rooms": [{"pattern": "other://*", "receive": True}]}
    client = await harness.ws()
    client.send(Operation.AUTH, dumps({"mid": 2, "room_id": ROOM}).encode())
    assert (await client.closed()).words == "the token does not open that room"
    harness.policies.own["chat"] = Policy(open=True)
    await harness.ws(mid=2, room_id=ROOM)


@pytest.mark.parametrize(
    ("before", "after", "reason", "retry"),
    [
        (
            PUBLIC_ROOM,
            replace(PUBLIC_ROOM, banned={2: Restriction(0, 1, "spam")}),
            "banned",
            "never",
        ),
        (PUBLIC_ROOM, replace(PUBLIC_ROOM, access=CLOSED), "room_closed", "never"),
        (PRIVATE, replace(PRIVATE, members=frozenset({1, 3})), "not_a_member", "never"),
        (
            PUBLIC_ROOM,
            replace(PUBLIC_ROOM, departures=(Departure(1, 2, "kicked", "spam"),)),
            "kicked",
            "later",
        ),
        (
            PRIVATE,
            replace(PRIVATE, members=frozenset({1, 3}), departures=(Departure(1, 2, "left"),)),
            "left",
            "never",
        ),
    ],
)
async def test_who_loses_the_room_leaves_it_at_once(
    harness: Harness, before: RoomRecord, after: RoomRecord, reason: str, retry: str
) -> None:
    await write(harness, before)
    plain = await harness.tcp(mid=2, room_id=ROOM)
    extended = await harness.ws(mid=2, room_id=ROOM, ext=1)
    other = await harness.ws(mid=3, room_id=ROOM)
    await harness.settled()
    await write(harness, after)
    told = await left(extended)
    assert (told["code"], told["reason"], told["retry"]) == (403, reason, retry)
    harness.store.publish(TOPIC, b"without them")
    if reason != "room_closed":
        assert await other.bodies(1) == [b"without them"]
    await harness.delivered()
    await plain.is_quiet()
    await extended.is_quiet()
    assert harness.gateway.counters.refused[f"room_{reason}"] >= 2
    answer = await extended.ask(4, b"hello")
    assert loads(answer.body)["error"]["code"] == 404
    assert harness.router.sent == []


async def test_a_record_that_comes_puts_strangers_out(harness: Harness) -> None:
    stranger = await harness.ws(mid=9, room_id=ROOM, ext=1)
    await write(harness, PRIVATE)
    assert (await left(stranger))["reason"] == "not_a_member"


async def test_who_is_still_catching_up_is_put_out_too(harness: Harness) -> None:
    harness.store.away = True
    client = await harness.ws(mid=9, room_id=ROOM, ext=1)
    await write(harness, PRIVATE)
    assert (await left(client))["reason"] == "not_a_member"
    harness.store.away = False
    harness.store.publish(TOPIC, b"secret")
    await harness.settled()
    await client.until_live("all")
    await client.is_quiet()


async def test_a_ban_that_ends_tells_when(harness: Harness) -> None:
    await write(harness, PUBLIC_ROOM)
    client = await harness.ws(mid=2, room_id=ROOM, ext=1)
    await harness.settled()
    book = harness.gateway.rooms.book
    assert book is not None
    now = 1_800_000_000.0
    book.clock = lambda: now
    await write(harness, replace(PUBLIC_ROOM, banned={2: Restriction(int(now) + 60, 1, "spam")}))
    told = await left(client)
    assert (told["retry"], told["after"]) == ("later", 60)
    assert told["message"] == "you are banned from the room: spam"
    now += 61
    assert (await client.ask(Operation.CHANGE_ROOM, ROOM.encode())).body == ROOM.encode()


async def test_a_deleted_record_leaves_the_room_to_its_type(harness: Harness) -> None:
    await write(harness, PRIVATE)
    member = await harness.ws(mid=2, room_id=ROOM)
    await harness.settled()
    await (await bucket_of(harness)).delete(KEY)
    book = harness.gateway.rooms.book
    assert book is not None
    await harness.is_true(lambda: book.held(TOPIC) is None)
    stranger = await harness.ws(mid=9, room_id=ROOM)
    await harness.settled()
    harness.store.publish(TOPIC, b"to all")
    assert await member.bodies(1) == await stranger.bodies(1) == [b"to all"]


async def test_events_of_a_room_are_for_ext_clients(harness: Harness) -> None:
    extended = await harness.ws(mid=2, room_id=ROOM, ext=1)
    over_tcp = await harness.tcp(mid=3, room_id=ROOM, ext=1)
    plain = await harness.ws(mid=4, room_id=ROOM)
    elsewhere = await harness.ws(mid=5, room_id="chat://them", ext=1)
    for one in (extended, over_tcp):
        await one.until_live(f"room:{ROOM}")
    await elsewhere.until_live("room:chat://them")
    await harness.settled()
    subject = harness.bus.subjects.cast(TOPIC, Operation.ROOM_EVENT)
    harness.bus.publish(subject, b'{"event":"joined"}')
    for one in (extended, over_tcp):
        topic = await one.receive()
        assert loads(topic.body) == {"topic": f"room:{ROOM}", "sequence": 0}
        event = await one.receive()
        assert (event.operation, event.body) == (Operation.ROOM_EVENT, b'{"event":"joined"}')
    await harness.delivered()
    await plain.is_quiet()
    await elsewhere.is_quiet()


async def test_an_ext_client_reads_why_it_may_not_send(harness: Harness) -> None:
    harness.router.error = Error(
        code=403, message="you are muted in the room", retry="later", reason="muted", after=9
    )
    client = await harness.ws(mid=2, room_id=ROOM, ext=1)
    await client.until_live(f"room:{ROOM}")
    answer = await client.ask(4, b"hello")
    assert loads(answer.body)["error"] == {
        "code": 403,
        "message": "you are muted in the room",
        "reason": "muted",
        "retry": "later",
        "after": 9,
    }


async def further(harness: Harness, mid: int, **token: Any) -> Client:
    """Return an `ext` client that hears the room beside the one of op 12."""
    client = await harness.ws(mid=mid, room_id="live://home", ext=1, **token)
    await client.until_live("room:live://home")
    client.send(Operation.JOIN_ROOM, dumps({"room": ROOM}).encode())
    await client.until_live(f"room:{ROOM}")
    await harness.settled()
    return client


async def test_the_record_is_asked_for_a_further_room_at_op_21_and_at_login(
    harness: Harness,
) -> None:
    await write(harness, PRIVATE)
    stranger = await harness.ws()
    answer = await stranger.auth(mid=9, ext=1, rooms=[ROOM], resume={"rooms": {ROOM: 0}})
    told = loads(answer.body)
    assert told["rooms"] == []
    assert told["refused"][ROOM]["reason"] == "not_a_member"
    await stranger.until_live("all")
    answer = await stranger.ask(Operation.JOIN_ROOM, dumps({"room": ROOM, "resume": 0}).encode())
    assert loads(answer.body)["error"]["reason"] == "not_a_member"
    allowed = await further(harness, 2)
    harness.store.publish(TOPIC, b"for members")
    assert await allowed.bodies(1) == [b"for members"]
    await stranger.is_quiet()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (PUBLIC_ROOM, replace(PUBLIC_ROOM, banned={2: Restriction(0, 1, "spam")}), "banned"),
        (PUBLIC_ROOM, replace(PUBLIC_ROOM, departures=(Departure(1, 2, "kicked"),)), "kicked"),
        (PUBLIC_ROOM, replace(PUBLIC_ROOM, access=CLOSED), "room_closed"),
        (PRIVATE, replace(PRIVATE, members=frozenset({1, 3})), "not_a_member"),
    ],
)
@pytest.mark.parametrize("focused", [False, True])
async def test_who_loses_a_further_room_leaves_that_one_alone(
    harness: Harness, before: RoomRecord, after: RoomRecord, reason: str, focused: bool
) -> None:
    await write(harness, before)
    client = await further(harness, 2)
    client.send(Operation.JOIN_ROOM, b'{"room":"chat://them"}')
    await client.until_live("room:chat://them")
    if focused:
        await client.ask(Operation.CHANGE_ROOM, ROOM.encode())
    await write(harness, after)
    assert (await left(client))["reason"] == reason
    harness.store.publish(TOPIC, b"without it")
    harness.store.publish("room.chat.them", b"as before")
    assert await client.bodies(1) == [b"as before"]
    home = "room.live.home"
    assert (home in harness.gateway.interest.topics) is not focused
    if not focused:
        harness.store.publish(home, b"at home")
        assert await client.bodies(1) == [b"at home"]
    await client.is_quiet()
    assert ROOM not in harness.gateway.hub.rooms


async def test_who_catches_up_on_a_further_room_is_put_out_of_it_too(harness: Harness) -> None:
    await write(harness, PUBLIC_ROOM)
    harness.store.publish(TOPIC, b"secret")
    client = await harness.ws(mid=2, room_id="live://home", ext=1)
    await client.until_live("room:live://home")
    harness.store.away = True
    client.send(Operation.JOIN_ROOM, dumps({"room": ROOM, "resume": 0}).encode())
    assert (await client.receive()).operation == Operation.JOIN_ROOM_REPLY
    await write(harness, replace(PUBLIC_ROOM, access=CLOSED))
    assert (await left(client))["reason"] == "room_closed"
    harness.store.away = False
    await harness.settled()
    await client.is_quiet()


async def test_events_of_a_further_room_come_too(harness: Harness) -> None:
    client = await further(harness, 2)
    subject = harness.bus.subjects.cast(TOPIC, Operation.ROOM_EVENT)
    harness.bus.publish(subject, b'{"event":"joined"}')
    assert loads((await client.receive()).body)["topic"] == f"room:{ROOM}"
    event = await client.receive()
    assert (event.operation, event.body) == (Operation.ROOM_EVENT, b'{"event":"joined"}')
