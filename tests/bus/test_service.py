import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from google.protobuf.message import Message

from bus.connection import Bus, Reply
from bus.errors import Disconnected, NoResponders, RequestTimeout, RpcError
from bus.service import Service
from bus.settings import BusSettings
from schemas.headers import header_value
from schemas.messages_pb2 import (
    KeyPush,
    KeyPushReply,
    PushReply,
    PushRequest,
    SendReply,
)
from tests.bus.conftest import Connect

Answer = Callable[[bytes], None]


class Pushes:
    """A handler that does as its request says."""

    def __init__(self) -> None:
        self.requests: list[PushRequest] = []
        self.let_go = asyncio.Event()
        self.begun = asyncio.Event()

    async def handle(self, request: PushRequest) -> PushReply:
        if request.id == "wait":
            self.begun.set()
            await self.let_go.wait()
        return self.decide(request)

    def handle_at_once(self, request: PushRequest, answer: Callable[[Message], None]) -> None:
        if request.id == "later":
            asyncio.get_running_loop().call_soon(answer, self.decide(request))
        elif request.id != "forget":
            answer(self.decide(request))

    def decide(self, request: PushRequest) -> PushReply:
        self.requests.append(request)
        if request.id == "refuse":
            raise RpcError(404, "no such\r\nroom", "token")
        if request.id == "surrogate":
            raise RpcError(400, "\ud800 is no room")
        if request.id == "away":
            raise Disconnected
        if request.id == "fail":
            raise KeyError("a secret")
        if request.id == "field":
            reply = PushReply()
            reply.error.code, reply.error.message = 409, "said in the field"
            return reply
        if request.id == "large":
            return PushReply(sequences=[2**63] * 300_000)
        return PushReply(sequences=[request.operation])


@pytest.fixture
async def asker(settings: BusSettings, connect: Connect) -> Bus:
    return await connect(settings)


@pytest.fixture
async def service(bus: Bus) -> AsyncIterator[Service]:
    service = Service(bus, "pushes", "1.2.3", "for tests", max_requests=3)
    service.start()
    yield service
    await service.stop()


@pytest.fixture
async def pushes(service: Service) -> Pushes:
    pushes = Pushes()
    service.serve("room", subject(service), PushRequest, PushReply, pushes.handle)
    await service.bus.flush()
    return pushes


@pytest.fixture(params=["each in a task", "called at once"])
async def either(request: pytest.FixtureRequest, service: Service) -> Pushes:
    pushes = Pushes()
    if request.param == "called at once":
        service.serve_callback(
            "room", subject(service), PushRequest, PushReply, pushes.handle_at_once
        )
    else:
        service.serve("room", subject(service), PushRequest, PushReply, pushes.handle)
    await service.bus.flush()
    return pushes


def subject(service: Service) -> str:
    return service.bus.subjects.rpc("pushes", "room")


async def ask(asker: Bus, service: Service, request: Message) -> tuple[PushReply, Reply]:
    reply = await asker.call(subject(service), request.SerializeToString())
    return PushReply.FromString(reply.payload), reply


async def test_a_protobuf_request_has_a_protobuf_answer(
    asker: Bus, service: Service, either: Pushes
) -> None:
    answer, reply = await ask(asker, service, PushRequest(operation=7, type="live", room="1"))
    assert list(answer.sequences) == [7]
    assert reply.headers is None
    assert either.requests[0].room == "1"


async def test_a_json_request_has_a_json_answer(
    asker: Bus, service: Service, either: Pushes
) -> None:
    payload = b'{"operation": 7, "body": "aGk=", "mids": ["5"], "unknown": 1}'
    reply = await asker.call(subject(service), payload)
    assert json.loads(reply.payload) == {"sequences": ["7"]}
    assert either.requests == [PushRequest(operation=7, body=b"hi", mids=[5])]


@pytest.mark.parametrize(
    ("name", "code", "words", "retry"),
    [
        ("refuse", 404, "no such\r\nroom", "token"),
        ("surrogate", 400, "? is no room", "never"),
        ("away", 503, "not connected to NATS", "later"),
        ("fail", 500, "an error on our side", "later"),
        ("field", 409, "said in the field", ""),
        ("large", 500, "the answer is too large", "never"),
    ],
)
async def test_a_refusal_is_told_in_the_field_and_in_the_headers(
    asker: Bus, service: Service, either: Pushes, name: str, code: int, words: str, retry: str
) -> None:
    answer, reply = await ask(asker, service, PushRequest(id=name))
    assert (answer.error.code, answer.error.message, answer.error.retry) == (code, words, retry)
    assert header_value(reply.headers, "Nats-Service-Error-Code") == str(code)
    assert header_value(reply.headers, "Nats-Service-Error") == " ".join(words.split())
    endpoint = service.endpoints[0]
    assert (endpoint.requests, endpoint.errors) == (1, 1)
    assert endpoint.last_error.startswith(f"{code}:")


@pytest.mark.parametrize("payload", [b"{", b'{"operation": "x"}', b"\xff", b"{" * 500])
async def test_what_is_no_request_is_answered_with_400(
    asker: Bus, service: Service, either: Pushes, payload: bytes
) -> None:
    reply = await asker.call(subject(service), payload)
    assert header_value(reply.headers, "Nats-Service-Error-Code") == "400"
    if payload.startswith(b"{"):
        assert json.loads(reply.payload)["error"]["code"] == 400
    else:
        assert PushReply.FromString(reply.payload).error.code == 400
    assert either.requests == []


async def test_a_refusal_never_looks_like_an_empty_message(asker: Bus, service: Service) -> None:
    async def handle(request: KeyPush) -> KeyPushReply:
        raise RpcError(403, "not you")

    name = service.bus.subjects.rpc("gateway", "push")
    service.serve("push", name, KeyPush, KeyPushReply, handle)
    await service.bus.flush()
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    asker.request(name, b"", answered.set_result)
    reply = await answered
    assert isinstance(reply.error, NoResponders)
    assert header_value(reply.headers, "Nats-Service-Error-Code") == "403"
    assert service.endpoints[-1].last_error == "403:not you"


async def test_too_many_requests_under_way_are_answered_with_429(
    asker: Bus, service: Service, pushes: Pushes
) -> None:
    waiting = [
        asyncio.create_task(ask(asker, service, PushRequest(id="wait", operation=n)))
        for n in range(3)
    ]
    while service.active < 3:
        await pushes.begun.wait()
        await asker.flush()
    answer, reply = await ask(asker, service, PushRequest(operation=9))
    assert (answer.error.code, answer.error.retry) == (429, "later")
    assert header_value(reply.headers, "Nats-Service-Error-Code") == "429"
    pushes.let_go.set()
    done = await asyncio.gather(*waiting)
    assert sorted(answer.sequences[0] for answer, _ in done) == [0, 1, 2]
    endpoint = service.endpoints[0]
    assert (endpoint.refused, endpoint.active, service.active) == (1, 0, 0)


async def test_a_stop_answers_what_came_and_takes_no_more(
    asker: Bus, service: Service, pushes: Pushes
) -> None:
    running = asyncio.create_task(ask(asker, service, PushRequest(id="wait", operation=5)))
    await pushes.begun.wait()
    stopping = asyncio.create_task(service.stop())
    await asker.flush()
    await service.bus.flush()
    with pytest.raises(NoResponders):
        await ask(asker, service, PushRequest())
    pushes.let_go.set()
    await stopping
    answer, _ = await running
    assert list(answer.sequences) == [5]


async def test_two_members_of_a_group_share_the_requests(
    asker: Bus, service: Service, pushes: Pushes, settings: BusSettings, connect: Connect
) -> None:
    other = Service(await connect(settings), "pushes", "1.2.3", "for tests")
    others = Pushes()
    other.serve("room", subject(service), PushRequest, PushReply, others.handle)
    await other.bus.flush()
    for number in range(60):
        await ask(asker, service, PushRequest(operation=number))
    assert len(pushes.requests) + len(others.requests) == 60
    assert pushes.requests
    assert others.requests
    await other.stop()


async def test_a_callback_answers_later_and_one_that_forgets_has_failed(
    asker: Bus, service: Service
) -> None:
    pushes = Pushes()
    service.serve_callback("room", subject(service), PushRequest, PushReply, pushes.handle_at_once)
    await service.bus.flush()
    answer, _ = await ask(asker, service, PushRequest(id="later", operation=7))
    assert list(answer.sequences) == [7]
    answer, _ = await ask(asker, service, PushRequest(id="forget"))
    assert answer.error.code == 500
    assert (service.endpoints[0].errors, service.active) == (1, 0)


async def raw(
    service: Service,
    handler: Callable[[bytes, Answer], None],
    reply_type: type[Message] | None = SendReply,
) -> str:
    name = service.bus.subjects.rpc("raw", "a")
    service.serve_raw(
        "raw",
        name,
        lambda subject, payload, headers, answer: handler(payload, answer),
        reply_type=reply_type,
    )
    await service.bus.flush()
    return name


async def test_a_raw_handler_answers_now_or_later_and_once(asker: Bus, service: Service) -> None:
    def handle(payload: bytes, answer: Answer) -> None:
        asyncio.get_running_loop().call_soon(answer, payload + b"!")
        if payload == b"now":
            answer(b"at once")

    name = await raw(service, handle)
    assert (await asker.call(name, b"later")).payload == b"later!"
    assert (await asker.call(name, b"now")).payload == b"at once"
    await asker.flush()
    assert asker.requests.late_replies == 0
    endpoint = service.endpoints[0]
    assert (endpoint.requests, endpoint.errors, service.active) == (2, 0, 0)


async def test_a_raw_handler_that_raises_or_forgets_is_answered_with_500(
    asker: Bus, service: Service
) -> None:
    def handle(payload: bytes, answer: Answer) -> None:
        if payload == b"raise":
            raise KeyError

    name = await raw(service, handle)
    for payload in (b"raise", b"forget"):
        reply = await asker.call(name, payload)
        assert SendReply.FromString(reply.payload).error.code == 500
        assert header_value(reply.headers, "Nats-Service-Error-Code") == "500"
    assert json.loads((await asker.call(name, b"{}")).payload)["error"]["code"] == 500
    assert (service.endpoints[0].errors, service.active) == (3, 0)


async def test_a_raw_refusal_without_a_reply_type_is_heard_as_no_responders(
    asker: Bus, service: Service
) -> None:
    name = await raw(service, lambda payload, answer: None, reply_type=None)
    with pytest.raises(NoResponders):
        await asker.call(name, b"")


async def test_a_raw_answer_that_is_too_large_is_told_so(asker: Bus, service: Service) -> None:
    size = service.bus.client.max_payload + 1
    name = await raw(service, lambda payload, answer: answer(b"x" * size))
    reply = await asker.call(name, b"")
    assert header_value(reply.headers, "Nats-Service-Error-Code") == "500"


async def test_too_many_raw_requests_are_answered_with_429(asker: Bus, service: Service) -> None:
    held: list[Answer] = []
    name = await raw(service, lambda payload, answer: held.append(answer))
    with pytest.raises(RequestTimeout):
        await asyncio.gather(*(asker.call(name, b"", seconds=0.05) for _ in range(3)))
    reply = await asker.call(name, b"")
    assert header_value(reply.headers, "Nats-Service-Error-Code") == "429"
    for answer in held:
        answer(b"")
    assert service.active == 0


async def test_a_message_without_a_reply_subject_is_handled_without_an_answer(
    asker: Bus, service: Service, pushes: Pushes
) -> None:
    asker.publish(subject(service), PushRequest(operation=1).SerializeToString())
    await ask(asker, service, PushRequest(operation=2))
    assert [request.operation for request in pushes.requests] == [1, 2]


async def test_the_service_is_found_and_counted(
    asker: Bus, service: Service, pushes: Pushes
) -> None:
    await ask(asker, service, PushRequest())
    for tail in (service.name, f"{service.name}.{service.id}"):
        told = json.loads((await asker.call(f"$SRV.PING.{tail}", b"")).payload)
        assert told["id"] == service.id
    told = json.loads((await asker.call(f"$SRV.INFO.{service.name}", b"")).payload)
    assert told["endpoints"][0]["subject"] == subject(service)
    told = json.loads((await asker.call(f"$SRV.STATS.{service.name}", b"")).payload)
    assert told["endpoints"][0]["num_requests"] == 1
    assert told["endpoints"][0]["processing_time"] > 0


async def test_the_readings_tell_each_endpoint(
    asker: Bus, service: Service, pushes: Pushes
) -> None:
    await ask(asker, service, PushRequest(id="refuse"))
    readings = {name: rows for name, _, _, _, rows in service.readings()}
    label = (service.name, "room")
    assert (
        readings["goim_service_requests"] == readings["goim_service_request_errors"] == [(label, 1)]
    )
    assert (
        readings["goim_service_requests_active"]
        == readings["goim_service_requests_refused"]
        == [(label, 0)]
    )
    assert readings["goim_service_answers_lost"] == [((service.name,), 0)]
