from pathlib import Path

import pytest

from bus.connection import Bus
from bus.errors import RpcError
from gateway.http_api import HttpSettings
from schemas.messages_pb2 import WhoRequest
from tests.gateway.http_servers import (
    BEARER,
    FakeRouter,
    client_of,
    state_of,
)


@pytest.mark.parametrize("trusted", [True, False])
async def test_health_and_readiness_need_no_key(bus: Bus, trusted: bool) -> None:
    state = state_of(bus)
    async with client_of(state, trusted) as client:
        assert (await client.get("/healthz")).text == "ok"
        assert (await client.head("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "reasons": []})
        state.ready = lambda: ["nobody answers on goim.auth.check"]
        unready = await client.get("/readyz")
        assert unready.status_code == 503
        assert unready.json() == {"ready": False, "reasons": ["nobody answers on goim.auth.check"]}
        assert (await client.head("/readyz")).status_code == 503


async def test_presence_tells_who_is_there_but_no_keys_or_addresses(
    bus: Bus, router: FakeRouter
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.get("/api/v1/presence/room?room=chat://x")
        total = await client.get("/api/v1/presence/total")
        await client.get("/api/v1/presence/room?room=chat://x&limit=500")
    sessions = [{"mid": 123, "platform": "web", "since_ms": 5}]
    assert answer.json() == {"found": 4, "sessions": sessions}
    assert total.json() == {"connections": 3, "client_addresses": 1}
    assert router.requests[0] == WhoRequest(room="chat://x", limit=100)
    assert router.requests[2] == WhoRequest(room="chat://x", limit=500)


async def test_presence_of_members_is_told_for_many_at_once(bus: Bus, router: FakeRouter) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.get("/api/v1/presence/members?mids=7,8&mids=9")
    device = {"device": "phone", "platform": "ios", "since_ms": 5}
    assert answer.json() == {
        "members": [
            {"mid": mid, "online": mid == 7, "last_seen_ms": mid, "devices": [device]}
            for mid in (7, 8, 9)
        ]
    }


@pytest.mark.parametrize("query", ["mids=x", "mids=1,,2", "mids=9223372036854775808", "mids=%zz"])
async def test_mids_that_are_none_are_refused(bus: Bus, router: FakeRouter, query: str) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.get(f"/api/v1/presence/members?{query}")
    assert (answer.status_code, answer.json()["code"], router.requests) == (400, -400, [])


async def test_presence_can_be_put_behind_the_key(bus: Bus, router: FakeRouter) -> None:
    state = state_of(bus, HttpSettings(presence_open=False))
    for path in (
        "/api/v1/presence/room?room=chat://x",
        "/api/v1/presence/total",
        "/api/v1/presence/members?mids=7",
    ):
        async with client_of(state, trusted=False) as client:
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers=BEARER)).status_code == 200
        async with client_of(state, trusted=True) as client:
            assert (await client.get(path)).status_code == 200


async def test_presence_says_what_is_wrong(bus: Bus, router: FakeRouter) -> None:
    path = "/api/v1/presence/room"
    async with client_of(state_of(bus), trusted=False) as client:
        for query in ("", "?room=", f"?room={'x' * 129}", "?room=a&limit=501", "?room=a&limit=-1"):
            answer = await client.get(path + query)
            assert (answer.status_code, answer.json()["code"]) == (400, -400)
        router.refusal = RpcError(503, "Redis is away")
        away = await client.get(f"{path}?room=a")
        assert (away.status_code, away.json()) == (
            503,
            {"code": -503, "message": "Redis is away"},
        )
        router.refusal = RpcError(404, "no such room")
        assert (await client.get(f"{path}?room=a")).status_code == 400


async def test_presence_without_a_router_is_unavailable(bus: Bus) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.get("/api/v1/presence/total")
    assert (answer.status_code, answer.json()["code"]) == (503, -503)


async def test_the_page_is_served_with_a_strict_policy_and_revalidated(
    bus: Bus, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>hello")
    (tmp_path / "chat.js").write_text("export {}")
    (tmp_path / "notes.md").write_text("not served")
    async with client_of(state_of(bus), trusted=False, page=tmp_path) as client:
        index = await client.get("/")
        assert index.text == "<!doctype html>hello"
        assert index.headers["content-type"] == "text/html; charset=utf-8"
        assert index.headers["content-security-policy"].startswith(
            "default-src 'self'; connect-src 'self' ws: wss:"
        )
        assert index.headers["x-content-type-options"] == "nosniff"
        assert index.headers["cache-control"] == "no-cache"
        script = await client.get("/chat.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        etag = script.headers["etag"]
        for known in (etag, f'"other", W/{etag}', "*"):
            current = await client.get("/chat.js", headers={"If-None-Match": known})
            assert (current.status_code, current.content) == (304, b"")
            assert current.headers["etag"] == etag
        assert (await client.head("/")).headers["content-length"] == str(len(index.content))
        assert (await client.get("/notes.md")).status_code == 404
        assert (await client.get("/..%2fhttp_api.py")).status_code == 404
