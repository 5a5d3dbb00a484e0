"""Room calls by HTTP: who asks is the token's member, or what the key's holder says."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bus.connection import Bus
from bus.rooms import RoomBook
from bus.service import Service
from schemas.messages_pb2 import LastReply, LastRequest
from schemas.room_calls import BY_HTTP, ROOM_CALLS
from tests.gateway.http_servers import BEARER, client_of, state_of
from tests.gateway.responders import FakeAuth, FakeStore
from tests.router.room_servers import make_event_stream, serving_rooms

ROOM = "chat://us"


@pytest.fixture
async def rooms(bus: Bus, nats_url: str, prefix: str) -> AsyncIterator[None]:
    await make_event_stream(bus)
    async with serving_rooms(nats_url, prefix):
        yield


@pytest.fixture
async def auth(bus: Bus) -> FakeAuth:
    auth = FakeAuth()
    service = Service(bus, "auth", "1.0.0", "answers for the tests")
    service.serve_raw("check", bus.subjects.rpc("auth", "check"), auth.handle)
    return auth


@pytest.fixture
async def client(bus: Bus, rooms: None, auth: FakeAuth) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(state_of(bus), trusted=False) as client:
        yield client


def bearer(mid: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {json.dumps({'mid': mid})}"}


async def ask(
    client: httpx.AsyncClient, call: str, headers: dict[str, str], **fields: Any
) -> tuple[int, dict[str, Any]]:
    answer = await client.post(f"/api/v1/rooms/{call}", json=fields, headers=headers)
    return answer.status_code, answer.json()


async def test_a_member_asks_for_itself_whatever_the_body_says(client: httpx.AsyncClient) -> None:
    status, answer = await ask(client, "open", bearer(1), room=ROOM, actor=0, owner=5)
    assert (status, answer["room"]["owner"], answer["changed"]) == (200, "1", True)
    status, answer = await ask(client, "rename", bearer(2), room=ROOM, actor=1, name="mine")
    assert (status, answer["error"]["reason"]) == (403, "not_admin")
    status, answer = await ask(client, "join", bearer(2), room=ROOM)
    assert (status, answer["room"]["role"]) == (200, "member")
    status, answer = await ask(client, "list", bearer(2))
    assert [one["room"] for one in answer["rooms"]] == [ROOM]
    status, answer = await ask(client, "mute", bearer(1), room=ROOM, mid=2, seconds=60)
    assert status == 200
    status, answer = await ask(client, "search", bearer(9), text="US")
    assert len(answer["rooms"]) == 1


async def test_the_gateway_knows_of_a_change_when_it_is_answered(
    bus: Bus, rooms: None, auth: FakeAuth
) -> None:
    state = state_of(bus)
    state.book = book = await RoomBook.load(bus)
    async with client_of(state, trusted=False) as client:
        for number in range(20):
            room = f"chat://{number}"
            await ask(client, "open", bearer(1), room=room, access="invitation")
            await ask(client, "invite", bearer(1), room=room, mid=2)
            await ask(client, "join", bearer(2), room=room)
            assert book.may(2, "receive", room)
    await book.close()


async def test_the_key_asks_as_a_service_or_for_a_member(client: httpx.AsyncClient) -> None:
    status, answer = await ask(client, "open", BEARER, room="live://1", owner=5)
    assert (status, answer["room"]["owner"]) == (200, "5")
    status, answer = await ask(client, "close", BEARER, room="live://1", actor=6)
    assert (status, answer["error"]["reason"]) == (403, "not_owner")
    status, answer = await ask(client, "close", BEARER, room="live://1")
    assert (status, answer["room"]["access"]) == (200, "closed")


async def test_an_operators_token_acts_in_any_room_and_the_event_names_it(
    client: httpx.AsyncClient, auth: FakeAuth, bus: Bus, prefix: str
) -> None:
    heard = asyncio.Queue[bytes]()

    def hear(_: bytes, __: bytes, payload: bytes, ___: bytes | None) -> None:
        heard.put_nowait(payload)

    await ask(client, "open", bearer(1), room=ROOM, access="invitation")
    bus.subscribe(f"{prefix}.event.room.chat.us.banned", hear)
    await bus.flush()
    status, answer = await ask(client, "ban", bearer(7), room=ROOM, mid=2, operator=True)
    assert (status, answer["error"]["reason"]) == (403, "not_admin")
    auth.grant = {"role": "operator", "rooms": []}
    status, answer = await ask(client, "ban", bearer(7), room=ROOM, mid=2, actor=1)
    assert (status, answer["room"]["banned"]) == (200, [{"mid": "2", "by": "7"}])
    event = json.loads(await heard.get())
    assert (event["actor"], event["subject"]) == ("7", "2")


async def test_a_token_for_rooms_with_a_record_opens_new_ones_but_none_that_services_use(
    bus: Bus, client: httpx.AsyncClient, auth: FakeAuth
) -> None:
    store = FakeStore(bus, tells_counts=False)
    store.publish("room.chat.us", b"for whom the token says")
    service = Service(bus, "store", "1.0.0", "answers for the tests")
    recorded = {"pattern": "*", "receive": True, "send": True, "recorded": True}
    auth.grant = {"rooms": [recorded]}
    status, answer = await ask(client, "open", bearer(1), room="chat://new")
    assert (status, answer["error"]["reason"]) == (503, "unavailable")
    service.serve("last", bus.subjects.rpc("store", "last"), LastRequest, LastReply, store.last)
    assert (await ask(client, "open", bearer(1), room="chat://new"))[0] == 200
    status, answer = await ask(client, "open", bearer(1), room=ROOM)
    assert (status, answer["error"]["reason"]) == (409, "room_exists")
    status, answer = await ask(client, "open", bearer(1), room="chat://")
    assert (status, answer["error"]["reason"]) == (400, "bad_room")
    assert (await ask(client, "open", BEARER, room=ROOM, owner=1))[0] == 200
    auth.grant = {"rooms": [recorded, {"pattern": "mine://*", "receive": True}]}
    store.publish("room.mine.1", b"mine already")
    assert (await ask(client, "open", bearer(1), room="mine://1"))[0] == 200


async def test_without_a_key_only_the_trusted_listener_asks(
    bus: Bus, client: httpx.AsyncClient
) -> None:
    status, answer = await ask(client, "open", {}, room=ROOM)
    assert (status, answer["error"]["reason"], answer["error"]["retry"]) == (
        401,
        "key_missing",
        "token",
    )
    async with client_of(state_of(bus), trusted=True) as trusted:
        assert (await ask(trusted, "open", {}, room=ROOM))[0] == 200
        status, answer = await ask(trusted, "rename", bearer(7), room=ROOM, name="x")
        assert answer["error"]["reason"] == "not_admin"


async def test_a_token_that_is_refused_or_nobodys(client: httpx.AsyncClient) -> None:
    status, answer = await ask(client, "get", {"Authorization": "Bearer xyz"}, room=ROOM)
    assert (status, answer["error"]["reason"]) == (401, "token_refused")
    status, answer = await ask(client, "get", bearer(0), room=ROOM)
    assert (status, answer["error"]["reason"]) == (401, "token_refused")


async def test_a_token_reaches_the_rooms_that_it_opens(
    client: httpx.AsyncClient, auth: FakeAuth
) -> None:
    auth.grant = {"rooms": [{"pattern": "team://*", "receive": True}]}
    status, answer = await ask(client, "open", bearer(1), room=ROOM)
    assert (status, answer["error"]["reason"]) == (403, "token_forbids")
    assert (await ask(client, "open", bearer(1), room="team://1"))[0] == 200
    await ask(client, "open", BEARER, room="live://1")
    assert (await ask(client, "join", bearer(1), room="live://1"))[0] == 200
    status, answer = await ask(client, "open", bearer(1), room="team://" + "x" * 10_000)
    assert (status, answer["error"]["reason"]) == (400, "bad_room")


async def test_without_auth_or_router_it_is_away(bus: Bus) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        status, answer = await ask(client, "get", bearer(1), room=ROOM)
        assert (status, answer["error"]["reason"]) == (503, "auth_unavailable")
        status, answer = await ask(client, "get", BEARER, room=ROOM)
        assert (status, answer["error"]["reason"]) == (503, "unavailable")


@pytest.mark.parametrize("body", [b"[]", b"{", b"7", b"\xff"])
async def test_a_body_that_is_no_object(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/v1/rooms/get", content=body, headers=BEARER)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "bad_request")


async def test_the_documents_describe_every_call(client: httpx.AsyncClient, bus: Bus) -> None:
    openapi = (await client.get("/openapi.json")).json()
    asyncapi = (await client.get("/asyncapi.json")).json()
    addresses = {one["address"] for one in asyncapi["channels"].values()}
    for call in ROOM_CALLS:
        assert set(call.reasons) <= set(openapi["paths"][call.path]["post"]["x-reasons"])
        assert call.subject(bus.subjects) in addresses
        assert (await client.post(call.path, json={}, headers=BEARER)).status_code < 500
    assert len(set(BY_HTTP)) == 4
