"""Pushes and nodes by HTTP: for services and operators, and what anyone may ask."""

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest

from bus.connection import Bus
from bus.service import Service
from gateway.settings import HttpSettings
from schemas.messages_pb2 import PushRequest, WeightedRequest
from tests.gateway.http_servers import BEARER, FakeRouter, client_of, state_of
from tests.gateway.responders import FakeAuth


@pytest.fixture
async def auth(bus: Bus) -> FakeAuth:
    auth = FakeAuth()
    service = Service(bus, "auth", "1.0.0", "answers for the tests")
    service.serve_raw("check", bus.subjects.rpc("auth", "check"), auth.handle)
    return auth


def bearer(mid: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {json.dumps({'mid': mid})}"}


async def ask(
    client: httpx.AsyncClient, call: str, headers: dict[str, str], **fields: Any
) -> tuple[int, dict[str, Any]]:
    answer = await client.post(f"/api/v1/{call}", json=fields, headers=headers)
    return answer.status_code, answer.json()


async def test_services_and_operators_push(bus: Bus, router: FakeRouter, auth: FakeAuth) -> None:
    body = b64encode(b"hello").decode()
    async with client_of(state_of(bus), trusted=False) as client:
        for role, headers in (("user", BEARER), ("operator", bearer(7)), ("service", bearer(7))):
            auth.grant = {"role": role}
            status, answer = await ask(client, "pushes/mids", headers, operation=4, body=body)
            assert (status, answer["sequences"]) == (200, ["7", "8"])
            assert router.requests[-1] == PushRequest(operation=4, body=b"hello")
        for role in ("user", ""):
            auth.grant = {"role": role}
            status, answer = await ask(client, "pushes/all", bearer(7), operation=4, body=body)
            assert (status, answer["error"]["reason"]) == (403, "not_operator")
        status, answer = await ask(client, "pushes/all", {}, operation=4)
        assert (status, answer["error"]["reason"]) == (401, "key_missing")
    assert len(router.requests) == 3


async def test_a_push_may_be_as_long_as_goims_and_no_longer(bus: Bus, router: FakeRouter) -> None:
    state = state_of(bus, HttpSettings(max_body_bytes=300_000))
    async with client_of(state, trusted=True) as client:
        body = b64encode(b"x" * 300_000).decode()
        assert (await ask(client, "pushes/room", {}, body=body))[0] == 200
        status, answer = await ask(client, "pushes/room", {}, body=body * 2)
        assert (status, answer["error"]["reason"]) == (413, "too_large")
    state = state_of(bus, HttpSettings(max_body_bytes=bus.client.max_payload))
    async with client_of(state, trusted=True) as client:
        status, answer = await ask(client, "pushes/room", {}, body="A" * bus.client.max_payload)
        assert (status, answer["error"]["reason"]) == (413, "too_large")
    assert state.refused["too_large"] == 1


async def test_pushes_with_one_key_or_token_are_limited(
    bus: Bus, router: FakeRouter, auth: FakeAuth
) -> None:
    state = state_of(bus, HttpSettings(key_pushes_per_second=0.001, key_pushes_burst=1))
    auth.grant = {"role": "operator"}
    async with client_of(state, trusted=False) as client:
        for headers in (BEARER, bearer(7), bearer(8)):
            assert (await ask(client, "pushes/all", headers, operation=4))[0] == 200
            status, answer = await ask(client, "pushes/all", headers, operation=4)
            assert (status, answer["error"]["reason"]) == (429, "key_pushes")
            assert answer["error"]["after"] > 100
            assert (await ask(client, "nodes/instances", headers))[0] == 200
    async with client_of(state, trusted=True) as client:
        for _ in range(2):
            assert (await ask(client, "pushes/all", {}, operation=4))[0] == 200


async def test_anyone_asks_where_to_connect_and_its_address_is_its_own(
    bus: Bus, router: FakeRouter, auth: FakeAuth
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        status, answer = await ask(client, "nodes/weighted", {}, platform="web", address="8.8.8.8")
        assert (status, answer["nodes"]) == (200, ["comet1.goim.io"])
        assert router.requests == [WeightedRequest(platform="web", address="127.0.0.1")]
        assert (await ask(client, "nodes/instances", bearer(7)))[0] == 403
        status, answer = await ask(client, "nodes/instances", BEARER)
        assert [one["gateway"] for one in answer["nodes"]] == ["host-1-ab"]


async def test_each_key_has_a_rate_of_pushes(bus: Bus, router: FakeRouter, auth: FakeAuth) -> None:
    state = state_of(bus, HttpSettings(key_pushes_per_second=0.01, key_pushes_burst=2))
    auth.grant = {"role": "operator"}
    async with client_of(state, trusted=False) as client:
        for headers in (BEARER, bearer(7), bearer(8)):
            statuses = [
                (await ask(client, "pushes/all", headers, operation=4))[0] for _ in range(3)
            ]
            assert statuses == [200, 200, 429]
        answer = await client.post("/api/v1/pushes/all", json={}, headers=BEARER)
        error = answer.json()["error"]
        assert (error["reason"], error["retry"]) == ("key_pushes", "later")
        assert 40 <= error["after"] <= 100  # one in 100 s since the first, some of which are over
        assert answer.headers["Retry-After"] == str(error["after"])
        assert (await ask(client, "nodes/instances", BEARER))[0] == 200
    async with client_of(state, trusted=True) as client:
        assert [(await ask(client, "pushes/all", {}, operation=4))[0] for _ in range(5)] == [
            200
        ] * 5
    assert state.excess.counts["key_pushes"] == state.refused["key_pushes"] == 4
