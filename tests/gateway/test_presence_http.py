"""Presence by HTTP: what a member is told, and what only services and operators are."""

import json
from typing import Any

import httpx
import pytest

from bus.connection import Bus
from bus.service import Service
from schemas.messages_pb2 import MembersRequest, RoomsRequest, TopRequest, WhoRequest
from tests.gateway.http_servers import BEARER, FakeRouter, client_of, state_of
from tests.gateway.responders import FakeAuth

WHO = {"sessions": [{"mid": "123", "platform": "web", "since_ms": "5"}], "found": 4}


@pytest.fixture
async def auth(bus: Bus) -> FakeAuth:
    auth = FakeAuth()
    service = Service(bus, "auth", "1.0.0", "answers for the tests")
    service.serve_raw("check", bus.subjects.rpc("auth", "check"), auth.handle)
    auth.grant = {"rooms": [{"pattern": "chat://*", "receive": True}]}
    return auth


def bearer(mid: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {json.dumps({'mid': mid})}"}


async def ask(
    client: httpx.AsyncClient, call: str, headers: dict[str, str], **fields: Any
) -> tuple[int, dict[str, Any]]:
    answer = await client.post(f"/api/v1/presence/{call}", json=fields, headers=headers)
    return answer.status_code, answer.json()


async def test_a_member_is_told_of_rooms_it_may_hear_and_no_keys(
    bus: Bus, router: FakeRouter, auth: FakeAuth
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        told = await ask(client, "who", bearer(7), room="chat://us", key="k", mid=9, limit=5)
        assert told == (200, WHO)
        assert router.requests == [WhoRequest(room="chat://us", limit=5)]
        status, answer = await ask(client, "who", bearer(7), room="team://us")
        assert (status, answer["error"]["reason"]) == (403, "token_forbids")
        assert (await ask(client, "who", bearer(7), room="live://open"))[0] == 200
        status, answer = await ask(client, "rooms", bearer(7), rooms=["chat://a", "team://b"])
        assert status == 200
        assert router.requests[-1] == RoomsRequest(rooms=["chat://a"])
        status, answer = await ask(client, "members", bearer(7), mids=[7, 8])
        assert [one.get("online", False) for one in answer["members"]] == [True, False]
        assert router.requests[-1] == MembersRequest(mids=[7, 8])
        assert (await ask(client, "total", bearer(7)))[0] == 200
        status, answer = await ask(client, "top", bearer(7), type="chat", limit=5)
        assert (status, answer["error"]["reason"]) == (403, "not_operator")


@pytest.mark.parametrize(
    "fields", [{}, {"room": ""}, {"room": 7}, {"room": "chat://a", "limit": -1}]
)
async def test_what_a_member_may_not_ask(
    bus: Bus, router: FakeRouter, auth: FakeAuth, fields: dict[str, Any]
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        status, answer = await ask(client, "who", bearer(7), **fields)
        assert (status, answer["error"]["reason"]) == (400, "bad_field")
        status, answer = await ask(client, "rooms", bearer(7), rooms=[7])
        assert (status, answer["error"]["reason"]) == (400, "bad_field")
        status, answer = await ask(client, "who", {}, room="live://open")
        assert (status, answer["error"]["reason"]) == (401, "key_missing")
    assert router.requests == []


async def test_services_and_operators_are_told_everything(
    bus: Bus, router: FakeRouter, auth: FakeAuth
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        for role, headers in (("user", BEARER), ("operator", bearer(7)), ("service", bearer(7))):
            auth.grant = {"role": role}
            _, answer = await ask(client, "who", headers, key="k")
            assert answer["sessions"][0]["key"] == "secret-key"
            assert router.requests[-1] == WhoRequest(key="k")
            assert (await ask(client, "top", headers, type="li", limit=1))[0] == 200
            assert router.requests[-1] == TopRequest(type="li", limit=1)
