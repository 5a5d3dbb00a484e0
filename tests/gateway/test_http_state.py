import asyncio

import pytest
import structlog

from bus.connection import Bus
from gateway.http_api import HttpSettings
from tests.gateway.http_servers import (
    BEARER,
    KEY,
    OK,
    PUSH,
    FakeRouter,
    client_of,
    state_of,
)


async def test_a_silent_router_is_waited_for_only_so_long(bus: Bus, prefix: str) -> None:
    bus.subscribe(bus.subjects.rpc("pushes", "all"), lambda *message: None)
    state = state_of(bus, HttpSettings(request_seconds=0.05))
    async with client_of(state, trusted=True) as client:
        answer = await client.post(PUSH)
    words = f"no answer on {prefix}.pushes.all within 0.05 s"
    assert (answer.status_code, answer.json()) == (200, {"code": -500, "message": words})


async def test_an_unreadable_answer_of_the_router_is_told(bus: Bus, prefix: str) -> None:
    subject = bus.subjects.rpc("pushes", "all")
    bus.subscribe(subject, lambda _, reply, *rest: bus.publish(reply.decode(), b"\xff\xff"))
    async with client_of(state_of(bus), trusted=True) as client:
        answer = await client.post(PUSH)
    words = f"the answer on {prefix}.pushes.all can't be read"
    assert answer.json() == {"code": -500, "message": words}


async def test_while_nats_is_away_pushes_say_so(bus: Bus, router: FakeRouter) -> None:
    async with client_of(state_of(bus), trusted=True) as client:
        await bus.client.close()
        answer = await client.post(PUSH)
    assert answer.json() == {"code": -500, "message": "not connected to NATS"}


@pytest.mark.parametrize("path", ["/goim/online/total", "/metrics"])
async def test_the_public_port_wants_the_key(bus: Bus, router: FakeRouter, path: str) -> None:
    state = state_of(bus)
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": "Bearer \xe9"},
    ]
    async with client_of(state, trusted=False) as client:
        for headers in wrong:
            raw = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = await client.get(path, headers=raw)  # type: ignore[arg-type]
            assert answer.status_code == 401
            assert answer.json()["code"] == -401
            assert answer.headers["www-authenticate"] == "Bearer"
        for scheme in ("Bearer", "bearer", "BEARER"):
            right = await client.get(path, headers={"Authorization": f"{scheme} {KEY}"})
            assert right.status_code == 200
    assert state.refused == {"key_missing": 4, "key_wrong": 3}


async def test_without_a_configured_key_no_key_opens_the_public_port(
    bus: Bus, router: FakeRouter
) -> None:
    async with client_of(state_of(bus, key=""), trusted=False) as client:
        for headers in ({}, {"Authorization": "Bearer "}, BEARER):
            answer = await client.post(PUSH, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, -401)
            assert "GOIM_API_KEY" in answer.json()["message"]
    assert router.requests == []


async def test_refused_keys_are_one_log_event_for_a_while_without_the_key(bus: Bus) -> None:
    state = state_of(bus)
    with structlog.testing.capture_logs() as events:
        async with client_of(state, trusted=False) as client:
            for _ in range(5):
                await client.post(PUSH, headers={"Authorization": "Bearer guess"}, content=b"body")
    assert state.refused == {"key_wrong": 5}
    assert events == [
        {
            "event": "api_key_refused",
            "log_level": "warning",
            "count": 1,
            "reason": "key_wrong",
            "path": "/goim/push/all",
            "address": "127.0.0.1",
        }
    ]


async def test_a_message_that_nats_would_not_take_is_refused_and_nats_stays(
    bus: Bus, router: FakeRouter
) -> None:
    most = bus.client.max_payload
    state = state_of(bus, HttpSettings(max_body_bytes=2 * most))
    async with client_of(state, trusted=True) as client:
        refused = await client.post(PUSH, content=b"x" * most)
        assert (refused.status_code, refused.json()["code"]) == (413, -413)
        assert (await client.post(PUSH, content=b"x" * (most - 2048))).text == OK
    assert bus.reconnects == 0


async def test_requests_over_the_limit_are_turned_away_at_once(bus: Bus) -> None:
    state = state_of(bus, HttpSettings(max_requests=1))
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    subject = bus.subjects.rpc("pushes", "all")
    bus.subscribe(subject, lambda _, reply, *rest: arrived.put_nowait(reply))
    async with client_of(state, trusted=True) as client:
        first = asyncio.create_task(client.post(PUSH))
        reply = await arrived.get()
        for turned_away in (await client.post(PUSH), await client.get("/api/v1/presence/total")):
            assert (turned_away.status_code, turned_away.json()["code"]) == (503, -503)
        bus.publish(reply.decode(), b"")
        assert (await first).text == OK
    assert state.running == 0
    assert state.refused == {"too_many_requests": 2}
