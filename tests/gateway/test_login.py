"""From an auth frame to a seat, or to the code that says why not."""

from collections.abc import AsyncIterator
from json import dumps, loads
from typing import Any

import pytest
import pytest_asyncio

from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.gateway.clients import KEY, UPGRADE, Client, Closed, TcpClient
from tests.gateway.harness import Harness, running_gateway

CHAT = "chat://1"  # a room type that is not open


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


async def refused(harness: Harness, **token: Any) -> Closed:
    """Try to log in on WebSocket and return the close."""
    client = await harness.ws()
    client.send(Operation.AUTH, dumps(token).encode())
    return await client.closed()


async def test_the_token_and_where_it_came_from_are_checked(harness: Harness) -> None:
    client = await harness.keep(await TcpClient.connect(harness.ws_port), {})
    cookie = b"Cookie: session=\xff; a=b\r\n\r\n"
    client.write(UPGRADE.removesuffix(b"\r\n") + cookie)
    await client.reader.readuntil(b"\r\n\r\n")
    client.write(b"\x82\xfe\0\x7e\0\0\0\0" + encode_frame(7, b'{"mid":5}'.ljust(110)))
    await client.reader.readexactly(18)
    await harness.tcp("127.0.0.2", mid=6)
    first, second = harness.auth.requests
    assert first == {
        "token": '{"mid":5}'.ljust(110),
        "gateway": harness.gateway.id,
        "address": "127.0.0.1",
        "transport": "ws",
        "cookie": "session=\xff; a=b",
    }
    assert (second["address"], second["transport"], second["cookie"]) == ("127.0.0.2", "tcp", "")
    assert KEY not in str(first)


async def test_a_plain_client_is_answered_with_an_empty_body(harness: Harness) -> None:
    client = await harness.tcp()
    client.send(7, b'{"mid":5}', version=102, sequence=-3)
    assert await client.receive() == (102, 8, -3, b"")


async def test_an_ext_client_is_told_what_it_got(harness: Harness) -> None:
    client = await harness.ws()
    answer = await client.auth(mid=5, key="phone", room_id="live://1", ext=1)
    assert loads(answer.body) == {
        "key": "phone",
        "device": "phone",
        "room": "live://1",
        "mid": 5,
        "heartbeat": 25,
        "ext": 1,
    }
    anonymous = await harness.tcp()
    answer = await anonymous.auth(ext=1)
    values = loads(answer.body)
    assert (values["mid"], values["room"], len(values["key"])) == (0, "", 36)


async def test_every_client_without_a_key_gets_one_of_its_own(harness: Harness) -> None:
    clients = [await harness.tcp(mid=5) for _ in range(3)]
    assert len(harness.gateway.hub.by_key) == 3
    for client in clients:
        await client.is_quiet()


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"error": {"code": 4001, "message": "bad signature"}}, 4001, "bad signature"),
        ({"error": {"code": 4002}}, 4002, "the token has expired"),
        ({"error": {"message": "go away"}}, 4001, "go away"),
        ({"error": {}}, 4001, "the token was refused"),
        ({"error": {"code": 77, "message": "?"}}, 1011, "?"),
        ({"mid": "x"}, 4007, "nobody can check tokens right now"),
        ([], 4007, "nobody can check tokens right now"),
    ],
)
async def test_a_refusal_has_its_code_and_words(
    harness: Harness, answer: Any, code: int, words: str
) -> None:
    harness.auth.answer = dumps(answer).encode()
    assert await refused(harness, mid=5) == Closed(code, words)
    await harness.emptied()
    assert harness.gateway.counters.closed == {code: 1}


async def test_an_ext_client_is_told_when_to_come_back_before_it_is_closed(
    harness: Harness,
) -> None:
    harness.auth.answer = b'{"error":{"code":4002,"message":"old"}}'
    for client in (await harness.tcp(), await harness.ws()):
        answer = await client.auth(mid=5, ext=1)
        assert answer.operation == Operation.CLOSING
        notice = {"code": 4002, "message": "old", "retry": "token", "after": 0.0}
        assert loads(answer.body) == notice
        await client.closed()


async def test_a_plain_client_is_just_closed(harness: Harness) -> None:
    harness.auth.answer = b'{"error":{"code":4002}}'
    client = await harness.tcp()
    client.send(7, b"{}")
    assert await client.closed() == Closed()


async def test_without_anybody_who_checks_tokens_clients_come_later(harness: Harness) -> None:
    await harness.services["auth"].stop()
    await harness.bus.flush()
    assert (await refused(harness, mid=5)).code == 4007
    assert harness.gateway.counters.refused == {"auth_unavailable": 1}


async def test_a_token_that_is_no_text_is_refused(harness: Harness) -> None:
    client = await harness.ws()
    client.send(7, b"\xff\xfe")
    assert await client.closed() == Closed(4001, "the auth body is not UTF-8")
    assert harness.auth.requests == []


@pytest.mark.parametrize(
    "grant",
    [
        {"key": "k" * 257},
        {"key": "é" * 129},
        {"room": CHAT, "rooms": []},
        {"room": CHAT, "rooms": [{"pattern": "chat://2", "receive": True}]},
        {"room": CHAT, "rooms": [{"pattern": CHAT, "send": True}]},
        {"room": "x" * 200},
        {"room": "://x"},
    ],
)
async def test_a_grant_that_cant_be_carried_out_is_refused(
    harness: Harness, grant: dict[str, Any]
) -> None:
    harness.auth.grant = grant
    code = 4001 if "key" in grant else 4006
    assert (await refused(harness, mid=5)).code == code
    rule = "token_refused" if "key" in grant else "room_refused"
    assert harness.gateway.counters.refused == {rule: 1}
    await harness.emptied()


async def test_a_room_is_entered_by_right_or_because_its_type_is_open(harness: Harness) -> None:
    harness.auth.grant = {"rooms": [{"pattern": "chat://*", "receive": True}]}
    await harness.tcp(mid=5, room_id=CHAT)
    harness.auth.grant = {"rooms": []}
    await harness.tcp(mid=5, room_id="live://1")
    assert harness.gateway.hub.rooms == {CHAT: 1, "live://1": 1}


async def test_a_member_has_so_many_connections(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, {"connections_per_member": 2}) as harness:
        first, _ = [await harness.ws(mid=5) for _ in range(2)]
        assert (await refused(harness, mid=5)).code == 4008
        assert harness.gateway.counters.refused == {"too_many_connections": 1}
        await harness.ws(mid=6)
        anonymous = [await harness.tcp(mid=0, x=1) for _ in range(3)]
        await first.say_goodbye()
        await harness.ws(mid=5)
        assert len(anonymous) == 3


async def test_the_same_key_closes_the_older_connection_first(harness: Harness) -> None:
    older = await harness.ws(mid=5, key="phone", room_id="live://1")
    reports = harness.presence.reports
    await harness.is_true(lambda: any(report.joined for report in reports))
    newer = await harness.ws(mid=5, key="phone", room_id="live://1")
    assert await older.closed() == Closed(4005, "another connection took its place")
    assert len(harness.gateway.hub.connections) == 1
    assert harness.gateway.hub.rooms == {"live://1": 1}
    await harness.settled()
    harness.store.publish("room.live.1", b"to the newer")
    assert await newer.bodies(1) == [b"to the newer"]
    await harness.is_true(lambda: any(report.left for report in reports))
    sessions = [one.session for report in reports for one in report.joined]
    assert [one for report in reports for one in report.left] == [sessions[0]]


async def test_a_key_can_replace_one_where_its_member_has_no_place_left(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, {"connections_per_member": 1}) as harness:
        older = await harness.ws(mid=5, key="phone")
        await harness.ws(mid=5, key="phone")
        assert (await older.closed()).code == 4005


async def test_another_members_key_cant_be_taken(harness: Harness) -> None:
    holder = await harness.ws(mid=5, key="phone")
    assert (await refused(harness, mid=6, key="phone")).code == 4005
    assert (await refused(harness, key="phone")).code == 4005
    await holder.is_quiet()
    anonymous = await harness.ws(key="nobody's")
    await harness.ws(mid=6, key="nobody's")
    assert (await anonymous.closed()).code == 4005


async def test_who_does_not_log_in_in_time_is_closed(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, {"auth_seconds": 0.01}) as harness:
        harness.auth.hangs = True
        silent, asking, tcp = await harness.ws(), await harness.ws(), await harness.tcp()
        asking.send(7, b"{}")
        tcp.send(2)
        for client, code in ((silent, 4003), (asking, 4003), (tcp, 0)):
            assert (await client.closed()).code == code
        await harness.emptied()
        assert harness.gateway.counters.closed == {4003: 3}


async def test_a_client_that_left_before_the_answer_gets_no_seat(harness: Harness) -> None:
    harness.auth.hangs = True
    client = await harness.tcp()
    client.send(7, b'{"mid":5}')
    await harness.is_true(lambda: bool(harness.auth.requests))
    await client.finish()
    await harness.emptied()


async def test_a_token_ends_at_its_time(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    now = harness.gateway.wall_time()
    monkeypatch.setattr(harness.gateway, "wall_time", lambda: now)  # until both are logged in
    harness.auth.grant = {"expires_at": now + 0.2}
    plain, ext = await harness.ws(mid=5), await harness.tcp(mid=5, ext=1)
    assert await plain.closed() == Closed(4002, "the token has expired")
    assert loads(await last_notice(ext))["code"] == 4002
    await harness.emptied()


async def test_who_does_not_beat_is_idle(nats_url: str, prefix: str) -> None:
    settings: dict[str, Any] = {"heartbeat_seconds": 0.5, "heartbeats_missed": 1}
    async with running_gateway(nats_url, prefix, **settings) as harness:
        client = await harness.ws(mid=5)
        assert await client.closed() == Closed(4004, "no heartbeat within the idle time")
        await harness.emptied()


async def last_notice(client: Client) -> bytes:
    """Read until the notice before the end."""
    while True:
        frame = await client.receive()
        if frame.operation == Operation.CLOSING:
            return frame.body
