"""Further rooms at a whole gateway: joined, left, resumed, refused, counted once."""

from collections.abc import AsyncIterator
from json import dumps, loads
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

import pytest
import pytest_asyncio

from gateway.room_rights import NO_RIGHT
from gateway.session import JoinRoom
from schemas.frame import Frame
from schemas.operations import Operation
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

HOME, HOME_TOPIC = "live://home", "room.live.home"
CHAT, CHAT_TOPIC = "chat://7", "room.chat.7"
OTHER, OTHER_TOPIC = "chat://8", "room.chat.8"
JOIN, LEAVE = Operation.JOIN_ROOM, Operation.LEAVE_ROOM


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, presence_seconds=0.1) as running:
        yield running


async def told(client: Client, operation: int, sequence: int = 5) -> dict[str, Any]:
    """Return the body of the reply with this operation; what else comes before it is passed by."""
    while True:
        frame = await client.receive()
        if (frame.operation, frame.sequence) == (operation, sequence):
            values: dict[str, Any] = loads(frame.body)
            return values


async def ask(client: Client, operation: int, room: Any, **more: Any) -> dict[str, Any]:
    """Send op 21 or 23 and return the reply."""
    client.send(operation, dumps({"room": room, **more}).encode(), sequence=5)
    return await told(client, operation + 1)


async def join(client: Client, room: str, **more: Any) -> None:
    """Join a room and be live in it."""
    assert await ask(client, JOIN, room, **more) == {"room": room}
    await client.until_live(f"room:{room}")


async def member(harness: Harness, room_id: str = HOME, **token: Any) -> Client:
    """Return an `ext` client that is live."""
    client = await harness.ws(mid=5, room_id=room_id, ext=1, **token)
    await client.until_live(f"room:{room_id}" if room_id else "all")
    await harness.settled()
    return client


async def next_push(client: Client) -> tuple[str, bytes]:
    """Return the topic and body of the next push."""
    topic = await client.receive()
    assert topic.operation == Operation.TOPIC, topic
    return loads(topic.body)["topic"], (await client.receive()).body


async def test_a_further_room_is_heard_beside_the_first(harness: Harness) -> None:
    client = await member(harness)
    await join(client, CHAT)
    await join(client, OTHER)
    for topic, body in ((CHAT_TOPIC, b"1"), (HOME_TOPIC, b"2"), (OTHER_TOPIC, b"3")):
        harness.store.publish(topic, body)
        label = "room:" + topic.removeprefix("room.").replace(".", "://")
        assert await next_push(client) == (label, body)
    await client.ask(4, b"hello")
    assert [subject.split(".")[2:4] for subject, *_ in harness.router.sent] == [["live", "home"]]
    assert (await client.ask(2)).body == (1).to_bytes(4, "big")


async def test_joining_resumes_as_a_login_does(harness: Harness) -> None:
    first = harness.store.publish(CHAT_TOPIC, b"1")
    for body in (b"2", b"3"):
        harness.store.publish(CHAT_TOPIC, body)
    client = await member(harness)
    assert await ask(client, JOIN, CHAT, resume=first) == {"room": CHAT}
    assert await client.bodies(2) == [b"2", b"3"]
    await client.until_live(f"room:{CHAT}")
    newest = await member(harness)
    await ask(newest, JOIN, CHAT, resume=-1)
    assert await newest.bodies(1) == [b"3"]
    nothing = await member(harness)
    await join(nothing, CHAT)
    await nothing.is_quiet()
    rights = {"pattern": "*", "receive": True, "send": True}
    harness.auth.grant = {"rooms": [rights]}
    without_history = await member(harness)
    await join(without_history, CHAT, resume=-2)
    await without_history.is_quiet()


async def test_a_room_is_heard_once_whichever_way_one_is_in(harness: Harness) -> None:
    client = await member(harness)
    topics = harness.gateway.interest.topics
    assert await ask(client, JOIN, HOME) == {"room": HOME}
    await client.is_quiet()
    await join(client, CHAT)
    for _ in range(2):
        assert await ask(client, JOIN, CHAT) == {"room": CHAT}
    assert (await client.ask(12, CHAT.encode())).body == CHAT.encode()
    await client.is_quiet()
    for topic in (HOME_TOPIC, CHAT_TOPIC):
        harness.store.publish(topic, topic.encode())
    assert await client.bodies(2) == [HOME_TOPIC.encode(), CHAT_TOPIC.encode()]
    await client.ask(12, b"")
    assert {CHAT_TOPIC, HOME_TOPIC} < topics.keys()
    await ask(client, LEAVE, HOME)
    assert HOME_TOPIC not in topics
    harness.store.publish(HOME_TOPIC, b"not heard")
    harness.store.publish(CHAT_TOPIC, b"heard")
    assert await client.bodies(1) == [b"heard"]
    await client.is_quiet()


async def test_leaving_a_further_room_leaves_the_first_and_goes_on_where_it_was(
    harness: Harness,
) -> None:
    client = await member(harness)
    await join(client, CHAT)
    harness.store.publish(CHAT_TOPIC, b"1")
    assert await client.bodies(1) == [b"1"]
    assert await ask(client, LEAVE, CHAT) == {"room": CHAT}
    harness.store.publish(CHAT_TOPIC, b"2")
    harness.store.publish(HOME_TOPIC, b"home")
    assert await client.bodies(1) == [b"home"]
    await client.is_quiet()
    assert await ask(client, JOIN, CHAT) == {"room": CHAT}
    assert await client.bodies(1) == [b"2"]
    await client.until_live(f"room:{CHAT}")


async def test_leaving_a_room_that_is_not_joined_changes_nothing(harness: Harness) -> None:
    client = await member(harness)
    for room in (HOME, CHAT, "", "*", "\N{SNOWMAN}"):
        assert await ask(client, LEAVE, room) == {"room": room}
    harness.store.publish(HOME_TOPIC, b"still here")
    assert await client.bodies(1) == [b"still here"]


async def test_the_token_is_asked_for_a_further_room_too(harness: Harness) -> None:
    harness.auth.grant = {"rooms": [{"pattern": CHAT, "receive": True}]}
    client = await member(harness)
    error = NO_RIGHT
    assert await ask(client, JOIN, OTHER) == {"room": OTHER, "error": error}
    await join(client, CHAT)
    harness.store.publish(OTHER_TOPIC, b"secret")
    harness.store.publish(CHAT_TOPIC, b"for it")
    assert await client.bodies(1) == [b"for it"]
    assert harness.gateway.counters.refused["room"] == 1


@pytest.mark.parametrize(
    "room", ["", "x" * 3000, "://", "a://", "chat://\ud800", "a://" + "b" * 129]
)
async def test_an_id_that_no_room_can_have_is_refused(harness: Harness, room: str) -> None:
    client = await member(harness)
    topics = set(harness.gateway.interest.topics)
    answer = await ask(client, JOIN, room)
    assert answer["error"]["code"] == 403
    assert answer["room"] == room[:259]
    assert set(harness.gateway.interest.topics) == topics


@pytest.mark.parametrize("room", ["*", ">", "a.b", "chat://*", "chat://>", "a\0b", "\N{SNOWMAN}"])
async def test_a_strange_id_is_a_room_of_its_own(harness: Harness, room: str) -> None:
    client = await member(harness)
    before = set(harness.gateway.interest.topics)
    await join(client, room)
    (topic,) = set(harness.gateway.interest.topics) - before
    assert "*" not in topic
    assert ">" not in topic
    assert topic.count(".") == 2
    harness.store.publish(CHAT_TOPIC, b"for others")
    harness.store.publish(topic, b"for it")
    assert await client.bodies(1) == [b"for it"]
    await client.is_quiet()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"5", b"\xff", b"[" * 4000, b"chat://7", b"{}"),
        *(b'{"room":5}', b'{"room":null}', b'{"room":["a"]}', b'{"room":"chat://7","resume":"1"}'),
        *(b'{"room":"chat://7","resume":1.5}', b'{"room":"chat://7","resume":true}'),
        b'{"room":"chat://7","resume":9223372036854775808}',
    ],
)
async def test_what_names_no_room_is_malformed(harness: Harness, body: bytes) -> None:
    client = await member(harness)
    for operation in (JOIN, LEAVE):
        client.send(operation, body, sequence=5)
        answer = await told(client, operation + 1)
        assert (answer["room"], answer["error"]["code"]) == ("", 400)
        assert (answer["error"]["reason"], answer["error"]["retry"]) == ("malformed", "never")
    assert CHAT_TOPIC not in harness.gateway.interest.topics


async def test_a_plain_client_gets_goims_echo_and_no_room(harness: Harness) -> None:
    client = await harness.ws(mid=5, room_id=HOME, rooms=[OTHER])
    for operation in (JOIN, LEAVE):
        frame = await client.ask(operation, dumps({"room": CHAT}).encode(), sequence=5)
        assert frame == Frame(1, operation, 5, b"")
    await harness.settled()
    for topic in (CHAT_TOPIC, OTHER_TOPIC):
        harness.store.publish(topic, b"for others")
    harness.store.publish(HOME_TOPIC, b"home")
    assert await client.bodies(1) == [b"home"]
    await client.is_quiet()


async def test_a_connection_hears_so_many_rooms_and_no_more(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, limits={"further_rooms": 2}) as harness:
        client = await member(harness)
        await join(client, CHAT)
        await ask(client, JOIN, HOME)
        assert (await ask(client, JOIN, OTHER))["error"] == {
            "code": 409,
            "reason": "too_many_rooms",
            "message": "a connection hears at most 2 further rooms: leave one first",
            "retry": "never",
            "after": 0,
        }
        assert harness.gateway.counters.refused["further_rooms"] == 1
        assert await ask(client, JOIN, CHAT) == {"room": CHAT}  # it is in already
        await ask(client, LEAVE, HOME)
        await join(client, OTHER)


async def test_a_connection_that_ends_while_it_joins_leaves_nothing(harness: Harness) -> None:
    for number in range(20):
        client = await member(harness)
        for room in (CHAT, OTHER, HOME):
            client.send(JOIN, dumps({"room": room}).encode())
        if number % 2:
            await harness.is_true(lambda: CHAT_TOPIC in harness.gateway.interest.topics)
        client.reset()
    await harness.emptied()
    await harness.is_true(lambda: not harness.gateway.catching_up._in_flight)
    assert not harness.gateway.interest.topics


async def test_who_is_put_out_while_it_joins_is_told_that_it_is_not_in(harness: Harness) -> None:
    client = await member(harness, key="phone")
    connection = harness.gateway.hub.by_key["phone"]
    connection.session.waiting = True
    harness.gateway.carry_out(connection, JoinRoom(CHAT, None, 1, 5))
    harness.gateway.moves.put_out(connection, CHAT)
    answer = await told(client, Operation.JOIN_ROOM_REPLY)
    assert (answer["room"], answer["error"]["reason"]) == (CHAT, "kicked")
    harness.store.publish(CHAT_TOPIC, b"without it")
    harness.store.publish(HOME_TOPIC, b"home")
    assert await client.bodies(1) == [b"home"]
    assert CHAT_TOPIC not in harness.gateway.interest.topics


async def test_who_hears_a_room_in_two_ways_is_online_there_once(harness: Harness) -> None:
    client = await member(harness, key="phone")
    rooms = harness.gateway.hub.rooms
    await join(client, CHAT)
    await ask(client, JOIN, HOME)
    assert rooms == {HOME: 1, CHAT: 1}
    await client.ask(12, CHAT.encode())
    assert rooms == {HOME: 1, CHAT: 1}
    await ask(client, LEAVE, HOME)
    assert rooms == {CHAT: 1}
    await ask(client, LEAVE, CHAT)
    assert rooms == {CHAT: 1}
    await join(client, OTHER)
    reports = harness.presence.reports
    await harness.is_true(
        lambda: any(one.joined[-1:] and one.joined[-1].rooms == [OTHER] for one in reports)
    )
    last = [one.joined[-1] for one in reports if one.joined][-1]
    assert (last.key, last.room) == ("phone", CHAT)
    await harness.is_true(lambda: sum(one.rooms.get(OTHER, 0) for one in reports) == 1)
    client.reset()
    await harness.emptied()
    await harness.is_true(
        lambda: any(OTHER in one.rooms and not one.rooms[OTHER] for one in reports)
    )


async def test_an_acknowledgement_moves_the_position_in_a_further_room(harness: Harness) -> None:
    client = await member(harness, key="phone")
    await join(client, CHAT)
    sequence = harness.store.publish(CHAT_TOPIC, b"1")
    await client.bodies(1)
    client.send(Operation.ACKNOWLEDGE, dumps({"rooms": {CHAT: sequence + 9}}).encode())
    positions = harness.store.positions
    await harness.is_true(lambda: positions.get((5, "phone", CHAT_TOPIC)) == sequence)
    second = harness.store.publish(CHAT_TOPIC, b"2")
    await client.bodies(1)
    await ask(client, LEAVE, CHAT)
    client.send(Operation.ACKNOWLEDGE, dumps({"rooms": {CHAT: second}}).encode())
    await harness.is_true(lambda: positions.get((5, "phone", CHAT_TOPIC)) == second)
    harness.store.publish(CHAT_TOPIC, b"3")
    back = await member(harness, key="phone")
    assert await ask(back, JOIN, CHAT) == {"room": CHAT}
    assert await back.bodies(1) == [b"3"]


async def test_many_rooms_that_are_joined_and_left_leave_no_more_than_a_few_behind(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, limits={"frames_burst": 1000}) as harness:
        client = await member(harness, key="phone")
        connection = harness.gateway.hub.by_key["phone"]
        for number in range(100):
            room = f"chat://{number}"
            await join(client, room)
            sequence = harness.store.publish(f"room.chat.{number}", b"1")
            await client.bodies(1)
            client.send(Operation.ACKNOWLEDGE, dumps({"rooms": {room: sequence}}).encode())
            await ask(client, LEAVE, room)
        assert len(connection.visited or {}) == 64
        assert len(connection.delivered or {}) <= 65
        assert {topic.room for topic in connection.topics} == {HOME, ""}


async def test_a_login_enters_rooms_at_once(harness: Harness) -> None:
    harness.auth.grant = {"rooms": [{"pattern": "chat://*", "receive": True, "history": True}]}
    first = harness.store.publish(CHAT_TOPIC, b"1")
    harness.store.publish(CHAT_TOPIC, b"2")
    harness.store.publish(OTHER_TOPIC, b"before")
    client = await harness.tcp()
    answer = await client.auth(
        mid=5,
        room_id=HOME,
        ext=1,
        rooms=[CHAT, OTHER, CHAT, "vip://1", "", HOME],
        resume={"rooms": {CHAT: first}},
    )
    values = loads(answer.body)
    assert values["rooms"] == [CHAT, OTHER, HOME]
    error = NO_RIGHT
    assert values["refused"] == {"vip://1": error, "": error}
    assert await client.bodies(1) == [b"2"]
    await harness.settled()
    harness.store.publish(OTHER_TOPIC, b"3")
    assert await client.bodies(1) == [b"3"]
    assert harness.gateway.hub.rooms == {HOME: 1, CHAT: 1, OTHER: 1}


async def test_a_login_enters_no_more_rooms_than_a_connection_may_hear(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, limits={"further_rooms": 1}) as harness:
        client = await harness.ws()
        values = loads((await client.auth(mid=5, ext=1, rooms=[CHAT, OTHER])).body)
        assert values["rooms"] == [CHAT]
        assert values["refused"][OTHER]["reason"] == "too_many_rooms"
        await client.until_live(f"room:{CHAT}")


async def test_a_login_without_rooms_is_told_of_none(harness: Harness) -> None:
    client = await harness.ws()
    values = loads((await client.auth(mid=5, ext=1)).body)
    assert not {"rooms", "refused"} & values.keys()


async def test_who_does_not_read_gets_all_of_its_rooms_later_a_page_at_a_time(
    nats_url: str, prefix: str
) -> None:
    limits = {"unsent_bytes": 20_000, "send_buffer_bytes": 5_000, "recent_messages": 4}
    async with running_gateway(nats_url, prefix, limits=limits) as harness:
        client = await member(harness, key="phone")
        client.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, 8192)
        rooms = [f"chat://{number}" for number in range(10)]
        for room in rooms:
            await join(client, room)
        published = {room: [b"%d %s" % (n, b"x" * 3000) for n in range(30)] for room in rooms}
        for number in range(30):
            for room in rooms:
                topic = f"room.chat.{room[-1]}"
                harness.store.publish(topic, published[room][number])
            await harness.delivered()
        await harness.is_true(lambda: bool(harness.gateway.stalled))
        transport = harness.gateway.hub.by_key["phone"].transport
        got: dict[str, list[bytes]] = {room: [] for room in rooms}
        label, most = "", 0
        while sum(map(len, got.values())) < 300:
            most = max(most, transport.get_write_buffer_size())
            frame = await client.receive()
            if frame.operation == Operation.TOPIC:
                label = loads(frame.body)["topic"]
            else:
                got[label.removeprefix("room:")].append(frame.body)
        assert got == published
        one_page = 30 * 3100
        assert most < 20_000 + one_page + len(rooms) * 3100
