"""Who makes a call by HTTP, on the two kinds of listeners."""

import json

import pytest
from starlette.requests import Request

from bus.connection import Bus
from bus.service import Service
from gateway.callers import Callers, bearer_token
from gateway.calls_http import Refused
from tests.gateway.http_servers import KEY, state_of
from tests.gateway.responders import FakeAuth

TOKEN = json.dumps({"mid": 5})


@pytest.fixture
async def auth(bus: Bus) -> FakeAuth:
    auth = FakeAuth()
    service = Service(bus, "auth", "1.0.0", "answers for the tests")
    service.serve_raw("check", bus.subjects.rpc("auth", "check"), auth.handle)
    return auth


def request(authorization: str = "") -> Request:
    headers = [(b"authorization", authorization.encode())] if authorization else []
    return Request({"type": "http", "headers": headers, "client": ("192.0.2.1", 5)})


@pytest.mark.parametrize(
    ("authorization", "trusted", "who"),
    [
        (f"Bearer {KEY}", False, "service"),
        (f"bearer  {KEY} ", False, "service"),
        ("", True, "service"),
        ("Basic eDp5", True, "service"),  # no token
        (f"Bearer {TOKEN}", False, "5"),
        (f"Bearer {TOKEN}", True, "5"),
    ],
)
async def test_a_caller_is_a_service_or_a_member(
    bus: Bus, auth: FakeAuth, authorization: str, trusted: bool, who: str
) -> None:
    asking = Callers(state_of(bus), trusted).identify(request(authorization))
    grant = await asking
    assert ("service" if grant is None else str(grant.mid)) == who


@pytest.mark.parametrize(
    ("authorization", "trusted", "reason"),
    [
        ("", False, "key_missing"),
        ("Basic eDp5", False, "key_missing"),
        ("Bearer nonsense", True, "token_refused"),
        ('Bearer {"mid":0}', False, "token_refused"),
        ('Bearer {"mid":-5}', False, "token_refused"),
    ],
)
async def test_a_caller_who_is_nobody_is_refused(
    bus: Bus, auth: FakeAuth, authorization: str, trusted: bool, reason: str
) -> None:
    state = state_of(bus)
    with pytest.raises(Refused) as refused:
        await Callers(state, trusted).identify(request(authorization))
    error = refused.value.error
    assert (error["code"], error["reason"], error["retry"]) == (401, reason, "token")
    assert state.refused[reason] == 1


async def test_auth_is_told_where_the_token_came_from(bus: Bus, auth: FakeAuth) -> None:
    await Callers(state_of(bus), trusted=False).identify(request(f"Bearer {TOKEN}"))
    assert auth.requests == [{"token": TOKEN, "address": "192.0.2.1", "transport": "http"}]


@pytest.mark.parametrize(("role", "passes"), [("operator", True), ("user", False), ("", False)])
async def test_what_is_for_operators(bus: Bus, auth: FakeAuth, role: str, passes: bool) -> None:
    auth.grant = {"role": role}
    callers = Callers(state_of(bus), trusted=False)
    asking = callers.identify_operator(request(f"Bearer {TOKEN}"), ("operator",))
    if passes:
        grant = await asking
        assert grant is not None
        assert grant.mid == 5
    else:
        with pytest.raises(Refused) as refused:
            await asking
        assert refused.value.error["reason"] == "not_operator"


def test_a_token_is_what_stands_behind_bearer() -> None:
    assert bearer_token(request("Bearer a b")) == "a b"
    assert bearer_token(request("Bearer")) == bearer_token(request("Token x")) == ""
