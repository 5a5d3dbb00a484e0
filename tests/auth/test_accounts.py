"""The account calls as a whole: any bytes get an answer, faults are told, secrets stay inside."""

import json
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from auth.names import name_digest
from bus.metrics import Metrics
from schemas.account_calls import ACCOUNT_CALLS
from schemas.call import GENERAL
from schemas.messages_pb2 import LoginReply, LoginRequest, RegisterReply, RegisterRequest

from .desk import API_KEY, PASSWORD, Desk

FIELDS = sorted({name for call in ACCOUNT_CALLS for name in call.request.DESCRIPTOR.fields_by_name})
texts = st.text(st.characters(), max_size=20) | st.sampled_from(
    [
        "Ann",
        PASSWORD,
        API_KEY,
        "*",
        ">",
        "a.b",
        "\0",
        "",
        "x" * 10_000,
        "\U0001f600",
        "..",
        "operator",
    ]
)
values = texts | st.integers() | st.booleans() | st.none() | st.lists(st.integers(), max_size=3)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6).map(
    lambda one: json.dumps(one).encode()
)
payloads = bodies | st.binary(max_size=200) | st.binary(max_size=40).map(lambda one: b"{" + one)


async def test_the_life_of_an_account_in_protobuf(desk: Desk) -> None:
    async def call(name: str, request: Message, reply: type[Any]) -> Any:
        subject = desk.bus.subjects.rpc("accounts", name)
        answer = await desk.bus.call(subject, request.SerializeToString())
        return reply.FromString(answer.payload)

    made = await call("register", RegisterRequest(name="Ann", password=PASSWORD), RegisterReply)
    login = await call("login", LoginRequest(name="Ann", password=PASSWORD), LoginReply)
    assert made.mid == login.mid == 1_000_000
    refused = await call("login", LoginRequest(name="Ann", password="wrong"), LoginReply)
    assert refused.error.reason == "login_failed"


async def test_any_bytes_on_any_call_get_an_answer(desk: Desk) -> None:
    bus, service = desk.bus, desk.services[0]
    await desk.register("Ann")
    asked: list[tuple[str, bytes]] = []

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(ACCOUNT_CALLS), payloads)
    def collect(call: Any, payload: bytes) -> None:
        asked.append((call.name, payload))

    collect()
    for name, payload in asked:
        reply = await bus.call(bus.subjects.rpc("accounts", name), payload)
        (call,) = (one for one in ACCOUNT_CALLS if one.name == name)
        reason = reason_of(call.reply, reply.payload)
        assert reason in {*call.reasons, *GENERAL, "bad_request", ""}, (name, payload, reason)
    failed = [one for one in service.service.endpoints if one.last_error.startswith("500")]
    assert failed == []
    stream = await bus.jetstream.stream_info(
        service.accounts.desk.book.accounts.stream, subjects_filter=">"
    )
    for subject in stream.state.subjects or {}:
        assert all(one.isalnum() or one in "$_." for one in subject), subject


def reason_of(reply_type: type[Any], payload: bytes) -> str:
    if payload[:1] == b"{":
        error = json.loads(payload).get("error", {})
        assert error.get("code") != 500, error
        return str(error.get("reason", ""))
    reply = reply_type.FromString(payload)
    assert reply.error.code != 500, reply.error
    return str(reply.error.reason)


async def test_what_jetstream_does_not_do_is_unavailable_without_inner_detail(desk: Desk) -> None:
    await desk.register("Ann")
    login = await desk.login()
    for kind in ("ACCOUNT", "LOGIN"):
        await desk.bus.jetstream.delete_stream(f"KV_{desk.bus.subjects.bucket(kind)}")
    calls: dict[str, dict[str, Any]] = {
        "register": {"name": "Bob", "password": PASSWORD},
        "login": {"name": "Ann", "password": PASSWORD},
        "refresh": {"refresh_token": login["refresh_token"]},
        "show": {"token": login["token"]},
        "list": {"token": API_KEY},
    }
    for call, fields in calls.items():
        subject = desk.bus.subjects.rpc("accounts", call)
        answer = json.loads((await desk.bus.call(subject, json.dumps(fields).encode())).payload)
        assert answer["error"] == {
            "code": 503,
            "message": "accounts can't be read or written right now",
            "retry": "later",
            "reason": "unavailable",
        }


async def test_every_call_and_refusal_is_counted(desk: Desk) -> None:
    await desk.register("Ann")
    await desk.login()
    await desk.reason("login", name="Ann", password="wrong")
    await desk.settled()
    metrics = Metrics()
    metrics.add(desk.services[0].accounts.readings)
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }
    assert found["goim_account_calls_total", "login"] == 1
    assert found["goim_account_refusals_total", "login", "login_failed"] == 1
    assert found["goim_account_hashes_total",] == 3
    assert found["goim_account_events_total",] == 1
    assert found["goim_account_slowed_total", "name"] == 0


async def test_a_service_is_listed_with_its_calls(desk: Desk) -> None:
    service = desk.services[0].service
    info = json.loads((await desk.bus.call(f"$SRV.INFO.{service.name}.{service.id}", b"")).payload)
    subjects = {one["subject"] for one in info["endpoints"]}
    assert {call.subject(desk.bus.subjects) for call in ACCOUNT_CALLS} <= subjects


async def test_neither_passwords_nor_tokens_nor_codes_are_logged(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    await desk.register("Ann", contact="ann@site.example")
    login = await desk.login(address="192.0.2.1")
    await desk.call("forgot", name="Ann")
    code = (await desk.event("forgot")).code
    await desk.reason("login", name="Ann", password="wrong password")
    await desk.call("logout", token=login["token"])
    await desk.settled()
    captured = capfd.readouterr()
    told = captured.out + captured.err
    for secret in (PASSWORD, "wrong password", login["token"], login["refresh_token"], code):
        assert secret not in told


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"\xff", b'{"mid":"x"}', b"{}"])
async def test_a_record_that_somebody_else_has_spoilt_is_unavailable(
    desk: Desk, value: bytes
) -> None:
    await desk.register("Ann")
    book = desk.services[0].accounts.desk.book
    await book.accounts.put(f"name.{name_digest('Ann')}", value)
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "unavailable"
    assert await desk.reason("list", token=API_KEY) == "ok"
    assert desk.services[0].accounts.desk.listing.unreadable == 1
