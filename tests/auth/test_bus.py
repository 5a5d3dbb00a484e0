import json
from collections.abc import AsyncIterator

import pytest
from google.protobuf.json_format import Parse

from auth.bus import serve_checks
from auth.responder import Responder
from bus.connection import Bus
from bus.errors import NoResponders
from bus.settings import BusSettings
from schemas import messages_pb2
from tests.bus.conftest import PATIENT_SECONDS

from .signing import NOW, SIGNED_ONLY, token


@pytest.fixture
async def bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)
    connected = await Bus.connect(settings, "test")
    yield connected
    await connected.drain()


def make_responder() -> Responder:
    return Responder(SIGNED_ONLY, clock=lambda: NOW)


async def check(bus: Bus, payload: bytes) -> bytes:
    return (await bus.call(bus.subjects.rpc("auth", "check"), payload)).payload


async def test_a_gateways_request_is_answered_in_json(bus: Bus) -> None:
    serve_checks(bus, make_responder())
    answer = json.loads(await check(bus, json.dumps({"token": token()}).encode()))
    assert answer == {"mid": 123, "expires_at": NOW + 70}


async def test_a_request_in_protobuf_is_answered_in_protobuf(bus: Bus) -> None:
    serve_checks(bus, make_responder())
    request = messages_pb2.AuthRequest(token=token(rooms=["live://*"]))
    grant = messages_pb2.Grant.FromString(await check(bus, request.SerializeToString()))
    assert (grant.mid, grant.rooms[0].pattern) == (123, "live://*")


async def test_one_of_several_processes_answers_each_check(bus: Bus) -> None:
    responders = [make_responder(), make_responder()]
    for responder in responders:
        serve_checks(bus, responder)
    for _ in range(40):
        await check(bus, b'{"token":"{}"}')
    counts = [responder.refused["no_token"] for responder in responders]
    assert sum(counts) == 40
    assert min(counts) > 0


async def test_it_is_a_micro_service_that_says_what_it_serves(bus: Bus) -> None:
    service = serve_checks(bus, make_responder())
    reply = await bus.call(f"$SRV.INFO.{service.name}.{service.id}", b"")
    info = json.loads(reply.payload)
    assert info["endpoints"] == [
        {
            "name": "check",
            "subject": bus.subjects.rpc("auth", "check"),
            "queue_group": "q",
            "metadata": {},
        }
    ]


async def test_nobody_answers_after_the_stop(bus: Bus) -> None:
    service = serve_checks(bus, make_responder())
    await service.stop()
    await bus.flush()
    with pytest.raises(NoResponders):
        await check(bus, b"{}")


async def test_an_answer_is_what_protobufs_json_parser_takes(bus: Bus) -> None:
    serve_checks(bus, make_responder())
    for body in (token(accepts=[1], key="k", rooms=["a://*"]), "{}", "\0"):
        answer = await check(bus, json.dumps({"token": body}).encode())
        assert Parse(answer, messages_pb2.Grant()) != messages_pb2.Grant()
