"""Accounts by HTTP: the gateway's app, NATS and a service that keeps accounts, all real."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message

from auth.slowing import Rate
from bus.connection import Bus
from gateway.http_api import HttpSettings
from schemas.account_calls import ACCOUNT_CALLS
from schemas.call import Call
from tests.auth.desk import API_KEY, PASSWORD, Desk
from tests.gateway.http_servers import client_of, state_of

BEARER = {"Authorization": f"Bearer {API_KEY}"}
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def desk(bus: Bus) -> AsyncIterator[Desk]:
    desk = Desk(bus)
    yield desk
    for service in desk.services:
        await service.close()


@pytest.fixture(params=[False, True])
async def ask(bus: Bus, request: pytest.FixtureRequest) -> AsyncIterator[Ask]:
    async with client_of(state_of(bus), trusted=request.param) as client:

        async def ask(call: str, token: str = "", **fields: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return await client.post(f"/api/v1/accounts/{call}", json=fields, headers=headers)

        yield ask


def reason(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert answer.headers["cache-control"] == "no-store"
    return str(error["reason"])


async def test_the_whole_life_of_an_account(desk: Desk, ask: Ask) -> None:
    await desk.start(activation="code")
    made = await ask("register", name="Ann", password=PASSWORD, contact="ann@site.example")
    assert (made.status_code, made.json()) == (200, {"mid": "1000000", "state": "pending"})
    early = await ask("login", name="Ann", password=PASSWORD)
    assert (early.status_code, reason(early)) == (403, "not_activated")
    code = (await desk.event("registered")).code
    assert (await ask("activate", name="Ann", code=code)).json() == {}
    login = (await ask("login", name="Ann", password=PASSWORD, platform="web")).json()
    assert (await desk.check(login["auth"]))["mid"] == 1_000_000
    shown = (await ask("show", token=login["token"])).json()["account"]
    assert (shown["name"], shown["state"]) == ("Ann", "active")
    second = (await ask("refresh", refresh_token=login["refresh_token"])).json()
    changed = await ask(
        "password", token=second["token"], old_password=PASSWORD, new_password="a new password"
    )
    third = changed.json()
    assert (await ask("logout", token=third["token"])).json() == {}
    await desk.check("{}")
    gone = await ask("show", token=third["token"])
    assert (gone.status_code, reason(gone)) == (401, "token_refused")
    assert gone.headers["www-authenticate"] == "Bearer"
    await ask("forgot", name="Ann")
    code = (await desk.event("forgot")).code
    assert (await ask("reset", name="Ann", code=code, password="third password")).status_code == 200
    fourth = (await ask("login", name="Ann", password="third password")).json()
    closed = await ask("deactivate", token=fourth["token"], password="third password")
    assert closed.json()["account"]["state"] == "deactivated"
    assert reason(await ask("login", name="Ann", password="third password")) == "deactivated"
    assert (await desk.check(fourth["auth"]))["error"]["code"] == 4001


async def test_what_operators_do(desk: Desk, ask: Ask) -> None:
    await desk.start()
    made = await ask("register", API_KEY, name="Olga", password=PASSWORD, role="operator")
    assert made.status_code == 200
    olga = (await ask("login", name="Olga", password=PASSWORD)).json()["token"]
    ann = (await ask("register", name="Ann", password=PASSWORD)).json()["mid"]
    listed = (await ask("list", olga)).json()["accounts"]
    assert [one["name"] for one in listed] == ["Olga", "Ann"]
    assert (await ask("role", olga, mid=ann, role="service")).json()["account"]["role"] == "service"
    await ask("deactivate", olga, name="Ann")
    assert (await ask("reactivate", olga, mid=ann)).json()["account"]["state"] == "active"
    assert reason(await ask("list")) == "token_missing"


async def test_the_address_and_token_in_a_body_are_not_believed(desk: Desk, ask: Ask) -> None:
    await desk.start(registrations=Rate(1, 60.0))
    fields = {"password": PASSWORD, "token": API_KEY}
    first = await ask("register", name="user 1", address="192.0.2.1", password=PASSWORD)
    assert first.status_code == 200
    second = await ask("register", name="user 2", address="192.0.2.2", password=PASSWORD)
    assert (second.status_code, reason(second)) == (429, "slow_down")
    assert second.headers["retry-after"] == "60"
    assert (await desk.event("registered")).address == "127.0.0.1"
    async with client_of(state_of(desk.bus), trusted=False) as client:
        body = await client.post("/api/v1/accounts/list", json=fields)
    assert reason(body) == "token_missing"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{",
        b"\xff",
        b'{"name":1}',
        b'{"name":["x"]}',
        b'{"name":"\\ud800"}',
        b'{"accepts":[99999999999]}',
        b'{"name":NaN}',
        b"[" * 8000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
    ],
)
async def test_a_body_that_is_no_request_is_refused(desk: Desk, bus: Bus, body: bytes) -> None:
    await desk.start()
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.post("/api/v1/accounts/login", content=body)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"]["code"] == answer.status_code


async def test_a_body_too_large_is_refused(desk: Desk, bus: Bus) -> None:
    await desk.start()
    state = state_of(bus)
    async with client_of(state, trusted=False) as client:
        answer = await client.post("/api/v1/accounts/login", content=b" " * 16_385)
    assert (answer.status_code, reason(answer)) == (413, "too_large")
    assert state.refused["too_large"] == 1


async def test_pages_of_other_sites_may_not_call(desk: Desk, bus: Bus) -> None:
    await desk.start()
    state = state_of(bus)
    async with client_of(state, trusted=False) as client:
        answer = await client.post(
            "/api/v1/accounts/login", json={}, headers={"Sec-Fetch-Site": "cross-site"}
        )
    assert (answer.status_code, reason(answer)) == (403, "cross_site")
    assert state.refused["cross_site"] == 1


async def test_without_an_auth_service_calls_are_unavailable(bus: Bus) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.post("/api/v1/accounts/login", json={"name": "Ann"})
        assert (answer.status_code, reason(answer)) == (503, "unavailable")
        assert (await client.get("/api/v1/accounts/login")).status_code == 405
        assert (await client.post("/api/v1/accounts/nothing")).status_code == 404


async def test_too_many_requests_at_once_are_refused(desk: Desk, bus: Bus) -> None:
    await desk.start()
    async with client_of(state_of(bus, HttpSettings(max_requests=0)), trusted=False) as client:
        answer = await client.post("/api/v1/accounts/login", json={})
    assert (answer.status_code, reason(answer)) == (503, "busy")


async def test_the_documents_describe_every_call_as_it_is_served(desk: Desk, bus: Bus) -> None:
    service = await desk.start()
    async with client_of(state_of(bus), trusted=False) as client:
        openapi = (await client.get("/openapi.json")).json()
        asyncapi = (await client.get("/asyncapi.json")).json()
        for call in ACCOUNT_CALLS:
            assert (await client.post(call.path, json={})).status_code != 404
    served = {one.subject for one in service.service.endpoints} - {
        bus.subjects.rpc("auth", "check")
    }
    described = {one["address"] for one in asyncapi["channels"].values()}
    assert served <= described
    assert {call.path for call in ACCOUNT_CALLS} <= set(openapi["paths"])
    for document in (openapi, asyncapi):
        check_references(document)


def check_references(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for reference in {one.split('"')[0] for one in text.split('"$ref": "#/')[1:]}:
        place: Any = document
        for word in reference.split("/"):
            place = place[word]


@pytest.mark.parametrize("call", ACCOUNT_CALLS, ids=[one.name for one in ACCOUNT_CALLS])
async def test_what_the_document_says_of_fields_is_what_the_schema_says(
    bus: Bus, call: Call
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        openapi = (await client.get("/openapi.json")).json()
        asyncapi = (await client.get("/asyncapi.json")).json()

    def names(document: dict[str, Any], message: type[Message]) -> set[str]:
        return set(document["components"]["schemas"][message.DESCRIPTOR.name]["properties"])

    fields = {one.name for one in call.request.DESCRIPTOR.fields}
    assert names(openapi, call.request) == fields - {"address", "token"}
    assert names(asyncapi, call.request) == fields
    assert names(openapi, call.reply) == {one.name for one in call.reply.DESCRIPTOR.fields}
    operation = openapi["paths"][call.path]["post"]
    assert ("security" in operation) == (call.caller.name != "ANYONE")
