from pathlib import Path

import structlog

from bus.connection import Bus
from gateway.http_api import make_app
from tests.gateway.http_servers import (
    PUSH,
    FakeRouter,
    client_of,
    state_of,
)


async def test_metrics_count_requests_by_route_and_status(bus: Bus, router: FakeRouter) -> None:
    async with client_of(state_of(bus), trusted=True) as client:
        await client.post(PUSH)
        await client.post(PUSH)
        await client.get("/nowhere/1")
        await client.get("/nowhere/2")
        metrics = (await client.get("/metrics")).text
    assert 'goim_http_requests_total{route="/goim/push/all",status="200"} 2.0' in metrics
    assert 'goim_http_requests_total{route="other",status="404"} 2.0' in metrics
    assert "goim_http_running 0.0" in metrics


async def test_the_trusted_listener_has_no_page(bus: Bus, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    async with client_of(state_of(bus), trusted=True, page=tmp_path) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.text) == (404, "404 page not found")


async def test_a_method_that_a_path_has_not_is_told_all_that_it_has(bus: Bus) -> None:
    async with client_of(state_of(bus), trusted=True) as client:
        answer = await client.put("/api/v1/presence/total")
        of_one = await client.get("/api/v1/rooms/open")
    assert (answer.status_code, of_one.status_code) == (405, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert of_one.headers["allow"] == "POST"


async def test_a_fault_of_ours_is_answered_without_detail_and_logged(bus: Bus) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError

    state = state_of(bus)
    state.ready = broken
    with structlog.testing.capture_logs() as events:
        async with client_of(state, trusted=True) as client:
            answer = await client.get("/readyz")
    assert answer.status_code == 500
    assert answer.json() == {"code": -500, "message": "an error on our side"}
    assert [event["event"] for event in events] == ["http_request_failed"]
    assert state.requests == {("/readyz", 500): 1}


async def test_a_websocket_that_comes_here_is_closed(bus: Bus) -> None:
    sent = []

    async def send(message):  # type: ignore[no-untyped-def]
        sent.append(message)

    app = make_app(state_of(bus), trusted=False)
    await app({"type": "websocket", "path": "/sub"}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_an_answer_that_broke_off_is_logged_and_counted_as_what_it_said(bus: Bus) -> None:
    async def broken_send(message):  # type: ignore[no-untyped-def]
        if message["type"] == "http.response.body":
            raise ZeroDivisionError

    async def receive():  # type: ignore[no-untyped-def]
        return {"type": "http.request", "body": b"", "more_body": False}

    state = state_of(bus)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "headers": [],
        "query_string": b"",
    }
    with structlog.testing.capture_logs() as events:
        await make_app(state, trusted=True)(scope, receive, broken_send)
    assert [event["event"] for event in events] == ["http_request_failed"]
    assert state.requests == {("/healthz", 200): 1}


async def test_the_apps_take_uvicorns_lifespan(bus: Bus) -> None:
    sent = []

    async def receive():  # type: ignore[no-untyped-def]
        return {"type": "lifespan.startup"}

    async def send(message):  # type: ignore[no-untyped-def]
        sent.append(message["type"])

    await make_app(state_of(bus), trusted=True)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
