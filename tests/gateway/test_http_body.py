import asyncio
import json

from bus.connection import Bus
from gateway.http_api import HttpSettings, make_app
from tests.gateway.http_servers import (
    OK,
    PUSH,
    FakeRouter,
    ask,
    ask_raw,
    serving,
    state_of,
)


async def test_a_body_of_the_limit_passes_and_one_byte_more_is_refused(
    bus: Bus, router: FakeRouter
) -> None:
    state = state_of(bus, HttpSettings(max_body_bytes=1_000_000))
    async with serving(make_app(state, trusted=True)) as port:
        assert (await ask(port, "POST", PUSH, b"x" * 1_000_000)).body == OK
        refused = await ask(port, "POST", PUSH, b"x" * 1_000_001)
    words = "the request is too large: a message has at most 1000000 bytes"
    assert refused.status == 413
    assert refused.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(refused.body) == {"code": -413, "message": words}
    assert len(router.requests) == 1
    assert state.refused == {"too_large": 1}


async def test_a_chunked_body_over_the_limit_is_refused_while_it_comes(
    bus: Bus, router: FakeRouter
) -> None:
    state = state_of(bus, HttpSettings(max_body_bytes=10))
    head = f"POST {PUSH} HTTP/1.1\r\nHost: logic\r\nTransfer-Encoding: chunked\r\n".encode()
    async with serving(make_app(state, trusted=True)) as port:
        endless = head + b"\r\n" + b"8\r\n12345678\r\n" * 6
        assert (await ask_raw(port, endless)).status == 413
        ended = head + b"Connection: close\r\n\r\n" + b"8\r\n12345678\r\n" * 2 + b"0\r\n\r\n"
        assert (await ask_raw(port, ended)).status == 413
    assert router.requests == []


async def test_a_client_that_asks_first_is_refused_before_it_sends(bus: Bus) -> None:
    state = state_of(bus, HttpSettings(max_body_bytes=10))
    async with serving(make_app(state, trusted=True)) as port:
        head = (
            f"POST {PUSH} HTTP/1.1\r\nHost: logic\r\nContent-Length: 11\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        answer = await ask_raw(port, head.encode())
    assert (answer.status, answer.headers["connection"]) == (413, "close")


async def test_a_slow_body_is_cut_off_at_the_deadline(bus: Bus, router: FakeRouter) -> None:
    state = state_of(bus, HttpSettings(body_seconds=0.1))
    head = f"POST {PUSH} HTTP/1.1\r\nHost: logic\r\nContent-Length: 9\r\n\r\nhalf".encode()
    async with serving(make_app(state, trusted=True)) as port:
        answer = await ask_raw(port, head)
    words = "the body was not whole within 0.1 s"
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert json.loads(answer.body) == {"code": -408, "message": words}
    assert router.requests == []
    assert state.refused == {"too_slow": 1}


async def test_a_refused_request_whose_body_never_ends_is_answered_and_closed(bus: Bus) -> None:
    state = state_of(bus, HttpSettings(body_seconds=0.1))
    head = b"POST /goim/push/all HTTP/1.1\r\nHost: logic\r\nContent-Length: 9\r\n\r\nhalf"
    async with serving(make_app(state, trusted=False)) as port:
        answer = await ask_raw(port, head)
    assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_a_refused_request_with_a_whole_body_keeps_its_connection(
    bus: Bus, router: FakeRouter
) -> None:
    async with serving(make_app(state_of(bus), trusted=True)) as port:
        refused = b"POST /goim/push/room HTTP/1.1\r\nHost: logic\r\nContent-Length: 5\r\n\r\nhello"
        taken = b"GET /goim/online/total HTTP/1.1\r\nHost: logic\r\nConnection: close\r\n\r\n"
        answers = await ask_raw(port, refused + taken)
    assert answers.status == 400
    assert '"conn_count":3' in answers.body


async def test_a_client_that_leaves_before_its_body_is_whole_is_counted(
    bus: Bus, router: FakeRouter
) -> None:
    state = state_of(bus)
    app = make_app(state, trusted=True)
    left = asyncio.Event()

    async def told(scope, receive, send):  # type: ignore[no-untyped-def]
        await app(scope, receive, send)
        left.set()

    async with serving(told) as port:  # type: ignore[arg-type]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await left.wait()
    assert state.requests == {("/goim/push/all", 499): 1}
    assert router.requests == []
