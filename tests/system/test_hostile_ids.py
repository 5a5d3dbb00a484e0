"""Ids that look like the syntax of subjects, or like nothing: in every call, by NATS and HTTP, and
in every operation of a client. None reaches a subject raw, widens a subscription, or hurts."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import httpx
import nats
import pytest
from google.protobuf.descriptor import FieldDescriptor
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg

from schemas.call import Call, Caller
from schemas.calls import CALLS
from schemas.frame import encode_frame
from schemas.operations import Operation
from schemas.subjects import Subjects
from tests.plain_nats import settle
from tests.system.goim_socket import GoimSocket, unique
from tests.system.running_system import RunningSystem
from tests.until import until

HOSTILE = ("", "*", ">", "a.b", "x" * 10_240, "\N{PILE OF POO}", "a\0b", "\ud800", "a b\r\nPUB c 0")
TOKEN = re.compile(r"[A-Za-z0-9_=$/+-]+")
MOST_SUBJECT = 4096
JOINED = encode_frame(Operation.JOIN_ROOM_REPLY, b"", 1, 99)[4:]  # its head, without the length
SLOW = {"accounts.register", "accounts.login"}  # each costs a password hash
TEXT = FieldDescriptor.CPPTYPE_STRING


def requests_of(call: Call, hostile: str) -> Iterator[dict[str, Any]]:
    """Yield a request for each field that can hold a text, with the hostile one in it."""
    for field in call.request.DESCRIPTOR.fields:
        benign = {"actor": 1, "mid": 1, "password": "correct horse battery", "operation": 1000}
        known = call.request.DESCRIPTOR.fields_by_name
        request: dict[str, Any] = {name: one for name, one in benign.items() if name in known}
        inner = field.message_type
        if field.cpp_type == TEXT and field.type != FieldDescriptor.TYPE_BYTES:
            yield request | {field.name: [hostile] if field.is_repeated else hostile}
        elif inner is not None and inner.GetOptions().map_entry:
            is_text = inner.fields_by_name["key"].cpp_type == TEXT
            yield request | {field.name: {hostile if is_text else "1": 1}}


def all_requests(hostile: tuple[str, ...]) -> list[tuple[Call, dict[str, Any]]]:
    calls = [one for one in CALLS if one.is_by_http or one.name == "check"]
    return [
        (call, request)
        for call in calls
        for text in (hostile[:2] if call.full_name in SLOW else hostile)
        for request in requests_of(call, text)
    ]


@pytest.fixture
async def seen(system: RunningSystem) -> AsyncIterator[set[str]]:
    """Return all subjects that anybody publishes on meanwhile; look at them in the end."""
    connection = await nats.connect(system.nats_url)
    subjects: set[str] = set()

    async def note(msg: Msg) -> None:
        subjects.add(msg.subject)

    await connection.subscribe(">", cb=note)
    await settle(connection)
    log_before = system.log
    yield subjects
    await settle(connection)
    await connection.close()
    raw = [one for one in subjects if not all(map(TOKEN.fullmatch, one.split(".")))]
    assert raw == []
    assert max(map(len, subjects)) < MOST_SUBJECT
    for line in system.log[len(log_before) :].splitlines():
        assert not any(mark in line for mark in ("[error", "Traceback", "permission")), line


async def test_no_call_on_nats_takes_one_raw(system: RunningSystem, seen: set[str]) -> None:
    connection = await nats.connect(system.nats_url)

    async def ask(call: Call, request: dict[str, Any]) -> None:
        payload = json.dumps(request).encode()
        reply = await connection.request(call.subject(Subjects()), payload, timeout=30)
        error = json.loads(reply.data).get("error", {})
        assert error.get("code", 400) != 500, (call.full_name, request, error)
        assert not error or error["message"]

    requests = all_requests(HOSTILE)
    assert len(requests) > 1000
    for start in range(0, len(requests), 100):
        await asyncio.gather(*(ask(*one) for one in requests[start : start + 100]))
    assert seen
    await connection.close()


async def test_no_call_by_http_takes_one_raw(system: RunningSystem, seen: set[str]) -> None:
    url = f"http://127.0.0.1:{system.port}"
    bearer = {"Authorization": 'Bearer {"mid":5}'}
    requests = [one for one in all_requests(("*", "a.b", "\ud800")) if one[0].is_by_http]
    async with httpx.AsyncClient(base_url=url, headers=bearer, timeout=30) as http:
        for call, request in requests:
            answer = await http.post(call.path, content=json.dumps(request))
            assert answer.status_code < 500, (call.full_name, request, answer.text)
        for hostile in HOSTILE[:-2]:
            for path, names in (
                ("/api/v1/presence/room", {"room": hostile}),
                ("/api/v1/presence/members", {"mids": hostile}),
            ):
                answer = await http.get(path, params=names)
                assert answer.status_code in (200, 400), answer.text
    async with httpx.AsyncClient(base_url=system.http_url, timeout=30) as http:
        for hostile in HOSTILE[:-2]:
            where = {"operation": "4", "type": hostile, "room": hostile}
            for path, names in (
                ("/goim/push/room", where),
                ("/goim/push/keys", {"operation": "4", "keys": hostile}),
                ("/goim/push/mids", {"operation": "4", "mids": hostile}),
            ):
                answer = await http.post(path, params=names, content=b"no harm")
                assert answer.status_code in (200, 400), answer.text
    assert seen


def frames_of(hostile: str) -> Iterator[bytes]:
    """Yield a frame of each operation that names a room."""
    numbers = count(2)  # that of a message tells it from others
    for text in (f"live://{hostile}", hostile, f"{hostile}://{hostile}"):
        room = text.encode(errors="surrogatepass")[:4000]
        yield encode_frame(Operation.CHANGE_ROOM, room, 1, next(numbers))
        yield encode_frame(Operation.SEND_MESSAGE, b"said there", 1, next(numbers))
        for operation, fields in (
            (Operation.JOIN_ROOM, {"room": text}),
            (Operation.SEND_TO, {"room": text, "operation": 4, "body": "said there"}),
            (Operation.HISTORY, {"room": text}),
            (Operation.READ, {"rooms": {text: 1}}),
            (Operation.LEAVE_ROOM, {"room": text}),
        ):
            body = json.dumps(fields).encode()
            if len(body) < 4000:
                yield encode_frame(operation, body, 1, next(numbers))


def new_mid() -> int:
    """Return a member whose rates nobody else uses up."""
    return int(unique("")[:11], 16)


def hear_in_vain(system: RunningSystem, hostile: str, transport: str) -> GoimSocket:
    """Log in with a hostile room, key and device, ask for more, and stay in the room."""
    client = GoimSocket(transport, system.port if transport == "ws" else system.tcp_port)
    auth = {"mid": new_mid(), "key": f"{hostile}{unique()}"[:60], "ext": 1, "accepts": [1000]}
    room = f"live://{hostile}"[:60]
    client.login(json.dumps(auth | {"room_id": room if hostile else "", "platform": hostile[:99]}))
    for frame in frames_of(hostile):
        client.send(frame)
    client.send(encode_frame(Operation.CHANGE_ROOM, room.encode(errors="surrogatepass"), 1, 98))
    client.send(encode_frame(Operation.JOIN_ROOM, json.dumps({"room": room}).encode(), 1, 99))
    client.receive_rest(lambda got: JOINED in got)
    return client


async def victims(system: RunningSystem, connection: Nats) -> bytes:
    """Say something to a room, a member and a key that are none of the hostile ones."""
    secret = unique("secret").encode()
    for subject in ("goim.push.room.live.victim.1000", "goim.push.member.424242.1000"):
        await connection.request(subject, secret, timeout=30)
    await connection.publish("goim.room.live.victim.cast.1000", secret)
    await settle(connection)
    return secret


@pytest.mark.parametrize("transport", ["ws", "tcp"])
async def test_no_operation_of_a_client_takes_one_raw(
    system: RunningSystem, seen: set[str], transport: str
) -> None:
    connection = await nats.connect(system.nats_url)
    with GoimSocket(transport, system.port if transport == "ws" else system.tcp_port) as honest:
        honest.login('{"mid":424242,"room_id":"live://victim","accepts":[1000]}')
        listening = await asyncio.gather(
            *(asyncio.to_thread(hear_in_vain, system, one, transport) for one in HOSTILE)
        )
        secret = await victims(system, connection)
        got, _ = await asyncio.to_thread(honest.receive_rest, lambda got: got.count(secret) >= 3)
        assert got.count(secret) == 3
        rests = await asyncio.gather(
            *(asyncio.to_thread(client.receive_rest) for client in listening)
        )
        assert not any(secret in heard for heard, _ in rests)
        for client in listening:
            client.socket.close()
    await until(lambda: "goim.room.live.=2A.kept.4" in seen)
    await connection.close()


def test_every_call_is_tried() -> None:
    tried = {call.full_name for call, _ in all_requests(HOSTILE)}
    without_text = {
        call.full_name
        for call in CALLS
        if call.caller is not Caller.GATEWAY and not list(requests_of(call, "x"))
    }
    assert without_text == {
        "presence.members",
        "presence.total",
        "nodes.instances",
        "store.conversations",
    }
    assert tried | without_text == {
        call.full_name for call in CALLS if call.caller is not Caller.GATEWAY
    } | {"auth.check"}
