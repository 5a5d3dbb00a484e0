"""A whole router over NATS: every endpoint, bad requests, drain, two routers at once."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from bus.metrics import Metrics
from bus.settings import BusSettings
from router.router import Router
from router.settings import PresenceSettings, PushSettings, Settings
from schemas.close_codes import CloseCode
from schemas.headers import SESSION, encode_headers
from schemas.messages_pb2 import PushReply, PushRequest, SendReply
from schemas.policies import Policy
from tests.router.gateways import Gateway
from tests.router.reports import report, session
from tests.router.streams import PATIENT, read_stream

POLICY = Policy(send_per_second=0)
PUSH = PushSettings(gateway_seconds=20)


def policy_of(room_type: str) -> Policy:
    return POLICY


@pytest.fixture
async def router(
    nats_url: str, prefix: str, presence_settings: PresenceSettings, streams: None
) -> AsyncIterator[Router]:
    bus = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "router")
    router = Router(
        bus, Settings(presence=presence_settings, publisher=PATIENT, push=PUSH), policy_of
    )
    await bus.flush()
    yield router
    await router.drain()
    await bus.drain()


async def ask(bus: Bus, service: str, endpoint: str, payload: bytes) -> bytes:
    return (await bus.call(bus.subjects.rpc(service, endpoint), payload)).payload


async def ask_in_json(bus: Bus, service: str, endpoint: str, **fields: object) -> object:
    return json.loads(await ask(bus, service, endpoint, json.dumps(fields).encode()))


async def test_a_push_in_protobuf_and_in_json(bus: Bus, router: Router) -> None:
    request = PushRequest(operation=1000, type="live", room="1", body=b"x")
    answer = PushReply.FromString(await ask(bus, "pushes", "room", request.SerializeToString()))
    assert list(answer.sequences) == [1]
    fields = {"operation": 1000, "type": "live", "room": "1", "body": "aGVsbG8="}
    assert await ask_in_json(bus, "pushes", "room", **fields) == {
        "sequences": ["2"],
        "stored": True,
    }
    assert [one.body for one in await read_stream(bus, "ROOM")] == [b"x", b"hello"]
    assert await ask_in_json(bus, "pushes", "all", operation=1) == {
        "sequences": ["1"],
        "stored": True,
    }
    assert await ask_in_json(bus, "pushes", "mids", operation=1, mids=[7]) == {
        "sequences": ["1"],
        "stored": True,
    }


async def test_what_a_client_sends_is_answered_after_it_is_stored(bus: Bus, router: Router) -> None:
    subject = bus.subjects.upstream("live://1", 7, 4)
    reply = await bus.call(subject, b"hello", headers=encode_headers({SESSION: "g1.1"}))
    assert SendReply.FromString(reply.payload).sequence == 1
    assert [one.body for one in await read_stream(bus, "ROOM")] == [b"hello"]


async def test_a_key_that_connects_again_closes_the_older_one_at_its_gateway(
    bus: Bus, router: Router
) -> None:
    one, two = Gateway(bus, "g1"), Gateway(bus, "g2")
    await one.report(session("g1", 1, "phone", mid=7))
    await two.report()
    await two.send(report("g2", session("g2", 5, "phone", mid=7)))
    close = await one.closings.get()
    assert (close.session, close.code) == ("g1.1", CloseCode.REPLACED.number)
    answer = await ask_in_json(bus, "pushes", "keys", operation=1, keys=["phone"])
    assert answer == {"sessions": 1}
    assert len(two.pushes) == 1
    assert one.pushes == []


async def test_presence_and_nodes_are_answered_in_json(bus: Bus, router: Router) -> None:
    gateway = Gateway(bus, "g1")
    one = session("g1", 1, "phone", mid=7, room="live://1000")
    await gateway.report(one, rooms={"live://1000": 1})
    assert await ask_in_json(bus, "presence", "top", type="live", limit=5) == {
        "rooms": [{"room": "1000", "count": 1}]
    }
    assert await ask_in_json(bus, "presence", "rooms", rooms=["live://1000", "live://2"]) == {
        "online": {"live://1000": 1, "live://2": 0}
    }
    assert await ask_in_json(bus, "presence", "total") == {"connections": 1}
    who = await ask_in_json(bus, "presence", "who", mid=7)
    assert isinstance(who, dict)
    assert who["sessions"][0]["key"] == "phone"
    weighted = await ask_in_json(bus, "nodes", "weighted", platform="web")
    assert isinstance(weighted, dict)
    assert weighted["nodes"] == ["host-g1"]
    instances = await ask_in_json(bus, "nodes", "instances")
    assert isinstance(instances, dict)
    assert instances["nodes"][0]["gateway"] == "g1"


@pytest.mark.parametrize("payload", [b"{", b"{]", b'{"node":1,"type":1,"platform":1}'])
@pytest.mark.parametrize(
    ("service", "endpoint"),
    [("pushes", "room"), ("presence", "report"), ("presence", "top"), ("nodes", "weighted")],
)
async def test_json_that_can_not_be_read_is_answered_with_400(
    bus: Bus, router: Router, service: str, endpoint: str, payload: bytes
) -> None:
    assert json.loads(await ask(bus, service, endpoint, payload))["error"]["code"] == 400


@pytest.mark.parametrize("payload", [b"\xff\xff", b"\x08", b"\x12\x05x"])
async def test_protobuf_that_can_not_be_read_is_answered_with_400(
    bus: Bus, router: Router, payload: bytes
) -> None:
    assert PushReply.FromString(await ask(bus, "pushes", "all", payload)).error.code == 400


async def test_an_impossible_report_is_answered_with_400(bus: Bus, router: Router) -> None:
    answer = await ask_in_json(bus, "presence", "report", node={"gateway": "a.b"}, snapshot=True)
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == 400


async def test_two_routers_share_the_work(
    bus: Bus, router: Router, nats_url: str, prefix: str, presence_settings: PresenceSettings
) -> None:
    other_bus = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "router")
    other = Router(
        other_bus, Settings(presence=presence_settings, publisher=PATIENT, push=PUSH), policy_of
    )
    await other_bus.flush()
    subject = bus.subjects.upstream("live://1", 7, 4)
    replies = await asyncio.gather(*(bus.call(subject, b"%d" % n) for n in range(60)))
    sequences = {SendReply.FromString(reply.payload).sequence for reply in replies}
    assert sequences == set(range(1, 61))
    assert router.publisher.counts["stored"] > 0
    assert other.publisher.counts["stored"] > 0
    gateway = Gateway(bus, "g1")
    await gateway.report(session("g1", 1, "phone"))
    for _ in range(8):
        assert not (await gateway.send(report("g1", sessions=1))).resend
    await other.drain()
    await other_bus.drain()


async def test_draining_finishes_what_runs_and_takes_nothing_more(
    bus: Bus,
    nats_url: str,
    prefix: str,
    presence_settings: PresenceSettings,
    streams: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bus.service.STOP_SECONDS", 30.0)
    monkeypatch.setattr("bus.connection.DRAIN_SECONDS", 30.0)
    own_bus = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "router")
    router = Router(
        own_bus, Settings(presence=presence_settings, publisher=PATIENT, push=PUSH), policy_of
    )
    await own_bus.flush()
    subject = bus.subjects.upstream("live://1", 7, 4)
    sending = [asyncio.ensure_future(bus.call(subject, b"%d" % n)) for n in range(200)]
    first = await sending[0]
    assert SendReply.FromString(first.payload).sequence > 0
    await router.drain()
    await own_bus.drain()
    results = await asyncio.gather(*sending, return_exceptions=True)
    answered = [one for one in results if not isinstance(one, BaseException)]
    told = {SendReply.FromString(one.payload).sequence for one in answered}
    assert told == {message.sequence for message in await read_stream(bus, "ROOM")}


async def test_it_is_a_micro_service_named_after_the_prefix(bus: Bus, router: Router) -> None:
    prefix = bus.subjects.prefix
    reply = await bus.call(f"$SRV.INFO.{prefix}-router", b"")
    subjects = {one["subject"] for one in json.loads(reply.payload)["endpoints"]}
    assert f"{prefix}.up.>" in subjects
    assert f"{prefix}.pushes.keys" in subjects
    assert f"{prefix}.presence.report" in subjects
    assert f"{prefix}.nodes.instances" in subjects


async def test_every_part_is_measured(bus: Bus, router: Router) -> None:
    metrics = Metrics()
    router.measure(metrics)
    text = metrics.render().decode()
    for name in ("stored", "sent", "pushes", "presence_reports", "rates_taken", "redis_up"):
        assert f"goim_router_{name}" in text
    assert "goim_router_closings_total 0.0" in text
