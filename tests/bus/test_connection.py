"""The bus on a real server, with direct delivery and with nats-py's own."""

import asyncio
from dataclasses import replace

import pytest
from nats.js.api import StreamConfig
from structlog.testing import capture_logs

from bus import connection
from bus.connection import Bus, Reply
from bus.direct import DirectClient
from bus.errors import (
    BusOverloaded,
    CredentialsUnusable,
    Disconnected,
    NoResponders,
    NotSent,
    PayloadTooLarge,
    RequestTimeout,
    SettingsRefused,
    SubjectRefused,
)
from bus.plain import PlainClient
from bus.settings import BusSettings
from schemas.headers import header_value, status
from tests.bus.conftest import PATIENT_SECONDS, Connect, Failures
from tests.bus.talk import Inbox, echo, subject


@pytest.fixture(params=[True, False], ids=["direct", "plain"])
def settings(nats_url: str, prefix: str, request: pytest.FixtureRequest) -> BusSettings:
    return BusSettings(
        nats_url=nats_url, prefix=prefix, direct=request.param, request_seconds=PATIENT_SECONDS
    )


async def test_the_setting_chooses_the_delivery(bus: Bus, settings: BusSettings) -> None:
    assert type(bus.client) is (DirectClient if settings.direct else PlainClient)


async def test_with_another_nats_py_delivery_is_plain_and_the_log_says_so(
    nats_url: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "can_deliver_directly", lambda: False)
    with capture_logs() as logs:
        bus = await connect(BusSettings(nats_url=nats_url))
    assert type(bus.client) is PlainClient
    assert {"event": "nats_delivery_is_plain", "asked_for": False, "log_level": "warning"} in logs


async def test_a_message_arrives_as_it_was_sent(bus: Bus) -> None:
    inbox = Inbox()
    bus.subscribe(subject(bus, "*"), inbox.take)
    bus.publish(subject(bus), b"plain")
    block = b"NATS/1.0\r\nGoim-From: 7\r\n\r\n"
    bus.publish(subject(bus), b"with headers", reply=b"answer.here", headers=block)
    bus.publish(subject(bus), b"")
    to = subject(bus).encode()
    assert await inbox.next() == (to, b"", b"plain", None)
    assert await inbox.next() == (to, b"answer.here", b"with headers", block)
    assert await inbox.next() == (to, b"", b"", None)


async def test_a_flush_proves_that_a_subscription_stands(
    bus: Bus, settings: BusSettings, connect: Connect
) -> None:
    other = await connect(settings)
    inbox = Inbox()
    for number in range(50):
        bus.subscribe(subject(bus, f"n{number}"), inbox.take)
        await bus.flush()
        other.publish(subject(bus, f"n{number}"), b"%d" % number)
        await other.flush()
        await inbox.next()
    assert inbox.payloads == [b"%d" % number for number in range(50)]


async def test_an_ended_subscription_calls_back_no_more(bus: Bus) -> None:
    inbox = Inbox()
    subscription = bus.subscribe(subject(bus), inbox.take)
    bus.publish(subject(bus), b"1")
    await inbox.next()
    bus.unsubscribe(subscription)
    bus.unsubscribe(subscription)
    bus.publish(subject(bus), b"2")
    await bus.flush()
    assert inbox.payloads == [b"1"]


async def test_a_queue_group_shares_the_messages(bus: Bus) -> None:
    first, second, everyone = Inbox(), Inbox(), Inbox()
    for inbox in (first, second):
        bus.subscribe(subject(bus), inbox.take, queue="workers")
    bus.subscribe(subject(bus), everyone.take)
    for number in range(100):
        bus.publish(subject(bus), b"%d" % number)
    for _ in range(100):
        await everyone.next()
    await bus.flush()
    assert len(first.received) + len(second.received) == 100
    assert sorted(first.payloads + second.payloads) == sorted(everyone.payloads)
    assert first.received
    assert second.received


async def test_drained_subscriptions_miss_nothing_that_was_sent_before(
    bus: Bus, settings: BusSettings, connect: Connect
) -> None:
    other = await connect(settings)
    inbox = Inbox()
    subscription = bus.subscribe(subject(bus), inbox.take)
    await bus.flush()
    for number in range(2000):
        other.publish(subject(bus), b"%d" % number)
    await other.flush()
    await bus.drain_subscriptions([subscription])
    assert len(inbox.received) == 2000
    other.publish(subject(bus), b"after")
    await other.flush()
    await bus.flush()
    assert len(inbox.received) == 2000


async def test_a_callback_that_raises_is_counted_and_the_next_is_called(bus: Bus) -> None:
    inbox = Inbox()

    def take(subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        inbox.take(subject, reply, payload, headers)
        raise ZeroDivisionError

    bus.subscribe(subject(bus), take)
    with capture_logs() as logs:
        for _ in range(3):
            bus.publish(subject(bus), b"x")
        for _ in range(3):
            await inbox.next()
        await bus.flush()
    assert bus.callback_errors == 3
    assert [one["event"] for one in logs] == ["subscription_callback_raised"]


async def test_a_call_is_answered(bus: Bus) -> None:
    echo(bus, "echo")
    replies = await asyncio.gather(*(bus.call(subject(bus, "echo"), b"%d" % n) for n in range(50)))
    assert [reply.payload for reply in replies] == [b"%d" % n for n in range(50)]
    assert len(bus.requests) == 0


async def test_a_call_that_nobody_serves_fails_at_once(bus: Bus) -> None:
    with pytest.raises(NoResponders, match="nobody answers on"):
        await bus.call(subject(bus, "nobody"), b"", seconds=60)


async def test_a_call_without_an_answer_fails_at_its_deadline(bus: Bus) -> None:
    bus.subscribe(subject(bus, "silent"), lambda *message: None)
    with pytest.raises(RequestTimeout):
        await bus.call(subject(bus, "silent"), b"", seconds=0.01)
    assert bus.requests.timeouts == 1


async def test_a_cancelled_call_drops_its_answer(bus: Bus) -> None:
    echo(bus, "echo")
    call = asyncio.create_task(bus.call(subject(bus, "echo"), b""))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await bus.flush()
    await bus.flush()
    assert (await bus.call(subject(bus, "echo"), b"next")).payload == b"next"
    assert bus.callback_errors == 0


async def test_an_answer_comes_with_its_headers(bus: Bus) -> None:
    block = b"NATS/1.0\r\nNats-Service-Error-Code: 400\r\n\r\n"
    bus.subscribe(
        subject(bus, "headers"),
        lambda subject, reply, payload, headers: bus.publish(reply.decode(), b"", headers=block),
    )
    reply = await bus.call(subject(bus, "headers"), b"")
    assert header_value(reply.headers, "Nats-Service-Error-Code") == "400"


@pytest.mark.parametrize(
    "bad", ["", "a b", "a\r\nPUB x 0\r\n", "a\0b", "a\tb", "\ud800", "x" * 1025, "é" * 513]
)
async def test_a_subject_that_would_break_the_connection_is_refused(bus: Bus, bad: str) -> None:
    with pytest.raises(SubjectRefused):
        bus.publish(bad, b"")
    with pytest.raises(SubjectRefused):
        await bus.call(bad, b"")
    with pytest.raises(SubjectRefused):
        bus.subscribe(bad, Inbox().take)
    await bus.flush()


@pytest.mark.parametrize("bad", ["a..b", ".a", "a.", "a.>.b", "a>", "a*.b", "a.b*"])
async def test_a_pattern_that_is_none_is_refused(bus: Bus, bad: str) -> None:
    with pytest.raises(SubjectRefused):
        bus.subscribe(bad, Inbox().take)
    with pytest.raises(SubjectRefused):
        bus.subscribe("good", Inbox().take, queue="a b")


async def test_a_payload_that_the_server_would_cut_us_off_for_is_refused(bus: Bus) -> None:
    inbox = Inbox()
    bus.subscribe(subject(bus), inbox.take)
    largest = b"x" * bus.client.max_payload
    with pytest.raises(PayloadTooLarge):
        bus.publish(subject(bus), largest + b"x")
    with pytest.raises(PayloadTooLarge):
        bus.publish(subject(bus), largest, headers=b"NATS/1.0\r\n\r\n")
    bus.publish(subject(bus), largest)
    assert (await inbox.next())[2] == largest
    assert bus.reconnects == 0


async def test_what_waits_to_be_sent_is_bounded(settings: BusSettings, connect: Connect) -> None:
    bus = await connect(replace(settings, max_queued_bytes=100_000))
    for _ in range(100_000 // 1100):
        bus.publish(subject(bus), b"x" * 1000)
    with pytest.raises(BusOverloaded) as caught:
        bus.publish(subject(bus), b"x" * 20_000)
    assert (caught.value.what, caught.value.limit) == ("bytes", 100_000)
    with pytest.raises(BusOverloaded):
        await bus.call(subject(bus), b"x" * 20_000)
    assert bus.overloads == 2
    await bus.flush()
    bus.publish(subject(bus), b"again")


async def test_requests_under_way_are_bounded(settings: BusSettings, connect: Connect) -> None:
    bus = await connect(replace(settings, max_requests=3))
    bus.subscribe(subject(bus), lambda *message: None)
    replies: list[Reply] = []
    for _ in range(4):
        bus.request(subject(bus), b"", replies.append, seconds=30)
    assert replies == []
    await bus.flush()
    assert [type(reply.error) for reply in replies] == [BusOverloaded]
    await bus.drain()
    assert [type(reply.error) for reply in replies[1:]] == [Disconnected] * 3


async def test_jetstream_can_be_managed(bus: Bus) -> None:
    name = bus.subjects.stream("ROOM")
    await bus.jetstream.add_stream(StreamConfig(name=name, subjects=[subject(bus)]))
    ack = await bus.call(subject(bus), b"stored")
    assert b'"seq":1' in ack.payload


@pytest.mark.parametrize("url", ["nats://", "nats://a:4222,ws://b:80"])
async def test_a_url_that_cant_be_used_ends_the_start(settings: BusSettings, url: str) -> None:
    with pytest.raises(SettingsRefused, match="NATS_URL"):
        await Bus.connect(replace(settings, nats_url=url), "test")


async def test_credentials_that_cant_be_used_end_the_start(settings: BusSettings) -> None:
    with pytest.raises(CredentialsUnusable, match="NATS_CREDENTIALS"):
        await Bus.connect(replace(settings, nats_credentials="/nowhere"), "test")


async def test_a_cancelled_connect_leaves_nothing_behind(
    settings: BusSettings, failures: Failures
) -> None:
    connecting = asyncio.create_task(
        Bus.connect(replace(settings, nats_url="nats://127.0.0.1:1"), "test")
    )
    await failures.more(1)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_a_drain_handles_what_was_received_and_sends_what_was_said(
    settings: BusSettings,
) -> None:
    bus, other = await Bus.connect(settings, "test"), await Bus.connect(settings, "other")
    inbox, answers = Inbox(), Inbox()

    def answer(subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        inbox.take(subject, reply, payload, headers)
        bus.publish(reply.decode(), payload)

    bus.subscribe(subject(bus), answer)
    await bus.flush()
    other.subscribe(subject(bus, "answers"), answers.take)
    for number in range(500):
        other.publish(subject(bus), b"%d" % number, reply=subject(bus, "answers").encode())
    await other.flush()
    await bus.drain()
    await other.flush()
    assert len(inbox.received) == 500
    assert len(answers.received) == 500
    with pytest.raises(Disconnected):
        bus.publish(subject(bus), b"")
    await other.drain()
    assert len(asyncio.all_tasks()) == 1


def test_what_was_not_sent_can_be_told_from_what_may_have_been() -> None:
    for error in (BusOverloaded, PayloadTooLarge, SubjectRefused):
        assert issubclass(error, NotSent)
    assert not issubclass(RequestTimeout, NotSent)
    assert status(b"NATS/1.0 503\r\n\r\n") == 503
