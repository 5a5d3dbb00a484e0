"""The bus when its server is killed, frozen, rude or garbled."""

import asyncio
from dataclasses import replace
from itertools import groupby

import pytest
from structlog.testing import capture_logs

from bus.connection import Bus
from bus.errors import (
    BusOverloaded,
    Disconnected,
    PublishRefused,
    RequestTimeout,
)
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS, Connect, Failures, MakeServer
from tests.bus.servers import NatsServer
from tests.bus.talk import Inbox, disconnection, echo, reconnection, subject

QUICK_PING_SECONDS = 0.2
FROZEN_SECONDS = 30.0  # less than a test may take, more than any wait for one that is frozen


@pytest.fixture(params=[True, False], ids=["direct", "plain"])
def settings(nats_url: str, prefix: str, request: pytest.FixtureRequest) -> BusSettings:
    return BusSettings(
        nats_url=nats_url, prefix=prefix, direct=request.param, request_seconds=PATIENT_SECONDS
    )


@pytest.fixture
async def own(settings: BusSettings, server: NatsServer, connect: Connect) -> Bus:
    """A bus on a server of the test's own."""
    return await connect(replace(settings, nats_url=server.url))


async def test_what_stood_before_a_cut_stands_after_it(own: Bus, server: NatsServer) -> None:
    inbox = Inbox()
    own.subscribe(subject(own), inbox.take)
    ended = own.subscribe(subject(own, "ended"), inbox.take)
    back = reconnection(own)
    server.kill()
    await disconnection(own)
    own.unsubscribe(ended)
    own.subscribe(subject(own, "new"), inbox.take)
    await server.start()
    await back.wait()
    for name in ("a", "ended", "new"):
        own.publish(subject(own, name), name.encode())
    await own.flush()
    await own.flush()
    assert inbox.payloads == [b"a", b"new"]
    assert own.reconnects == 1


async def test_while_nats_is_away_nothing_is_taken(own: Bus, server: NatsServer) -> None:
    own.subscribe(subject(own, "silent"), lambda *message: None)
    await own.flush()
    under_way = asyncio.create_task(own.call(subject(own, "silent"), b"", seconds=30))
    await asyncio.sleep(0)
    server.kill()
    with pytest.raises(Disconnected):
        await under_way
    assert not own.connected
    with pytest.raises(Disconnected):
        own.publish(subject(own), b"")
    with pytest.raises(Disconnected):
        await own.call(subject(own), b"")
    with pytest.raises(Disconnected):
        await own.flush()
    assert own.client.queued_bytes == 0


async def test_the_log_tells_once_that_nats_is_away_and_once_that_it_is_back(
    settings: BusSettings, make_server: MakeServer, connect: Connect, failures: Failures
) -> None:
    server = make_server()
    with capture_logs() as logs:
        connecting = asyncio.ensure_future(connect(replace(settings, nats_url=server.url)))
        await failures.more(3)
        await server.start()
        bus = await connecting
        back = reconnection(bus)
        server.kill()
        await disconnection(bus)
        await failures.more(3)
        await server.start()
        await back.wait()
    told = [one for one in logs if one["event"] != "nats_delivery_is_plain"]
    outages = [(event, list(lines)) for event, lines in groupby(told, lambda one: one["event"])]
    for _, lines in outages:
        reasons = [one.get("error") for one in lines]
        assert len(set(reasons)) == len(reasons)  # each other reason of an outage is told too, once
    assert [event for event, _ in outages] == [
        "nats_unreachable",
        "nats_connected",
        "nats_disconnected",
        "nats_unreachable",
        "nats_reconnected",
    ]


async def test_one_callback_that_raises_at_a_reconnect_keeps_no_other_from_it(
    own: Bus, server: NatsServer
) -> None:
    own.on_reconnect.append(lambda: 1 // 0)  # type: ignore[arg-type]
    back = reconnection(own)
    server.kill()
    await server.start()
    await back.wait()
    assert own.callback_errors == 1


async def test_a_server_that_throws_us_out_is_come_back_to(own: Bus) -> None:
    inbox = Inbox()
    own.subscribe(subject(own), inbox.take)
    back = reconnection(own)
    own.client.enqueue(b"PUB " + b"x" * 5000 + b" 0\r\n\r\n")  # over max_control_line
    await back.wait()
    own.publish(subject(own), b"here again")
    assert (await inbox.next())[2] == b"here again"


async def test_a_late_answer_to_a_flush_does_no_harm(own: Bus, server: NatsServer) -> None:
    echo(own, "echo")
    await own.flush()
    server.freeze()
    with pytest.raises(RequestTimeout):
        await own.flush(0.01)
    server.thaw()
    await own.flush()
    assert (await own.call(subject(own, "echo"), b"x")).payload == b"x"
    assert own.reconnects == 0


@pytest.mark.parametrize("full", [False, True], ids=["idle", "full socket"])
async def test_a_frozen_server_is_left_for_another(
    settings: BusSettings, make_server: MakeServer, connect: Connect, full: bool
) -> None:
    servers = [await make_server().start() for _ in range(2)]
    both = replace(
        settings,
        nats_url=",".join(server.url for server in servers),
        ping_seconds=QUICK_PING_SECONDS,
        max_queued_bytes=1 << 20,
    )
    bus = await connect(both)
    inbox = Inbox()
    bus.subscribe(subject(bus), inbox.take)
    back = reconnection(bus)
    url = bus.client.connected_url
    assert url is not None
    frozen = next(server for server in servers if server.port == url.port)
    frozen.freeze()
    while full:
        try:
            bus.publish(subject(bus, "b"), b"x" * 10_000)
        except (BusOverloaded, Disconnected):
            break
        await asyncio.sleep(0)
    async with asyncio.timeout(FROZEN_SECONDS):
        await back.wait()
    bus.publish(subject(bus), b"from the other")
    assert (await inbox.next())[2] == b"from the other"
    assert (bus.client.unsent_publishes > 0) == full


async def test_a_garbled_greeting_is_survived(
    settings: BusSettings, make_server: MakeServer, connect: Connect
) -> None:
    server = make_server()
    greeted = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + b"x" * 100_000 + b"\r\n")
        greeted.set()
        writer.close()

    async def impersonate() -> None:
        greeted.clear()
        impostor = await asyncio.start_server(greet, "127.0.0.1", server.port)
        await greeted.wait()
        impostor.close()
        await impostor.wait_closed()
        await server.start()

    connecting = asyncio.ensure_future(connect(replace(settings, nats_url=server.url)))
    await impersonate()
    bus = await connecting
    back = reconnection(bus)
    server.kill()
    await disconnection(bus)
    await impersonate()
    await back.wait()
    await bus.flush()


async def test_a_refused_login_is_tried_again(
    settings: BusSettings, make_server: MakeServer, connect: Connect, failures: Failures
) -> None:
    server = await make_server("authorization { user: u, password: old }").start()
    url = f"nats://u:secret@127.0.0.1:{server.port}"
    with capture_logs() as logs:
        connecting = asyncio.ensure_future(connect(replace(settings, nats_url=url)))
        await failures.more(3)
        server.kill()
        server.more_config = "authorization { user: u, password: secret }"
        await server.start()
        bus = await connecting
    await bus.flush()
    refused = [one for one in logs if "authorization violation" in str(one).lower()]
    assert len(refused) == 1
    assert "secret" not in str(logs)


async def test_a_forbidden_subject_fails_its_call_at_once_and_nothing_else(
    settings: BusSettings, make_server: MakeServer, connect: Connect
) -> None:
    user = '{ user: u, password: p, permissions: { publish: { deny: "no.>" } } }'
    server = await make_server(f"authorization {{ users: [ {user} ] }}").start()
    bus = await connect(replace(settings, nats_url=f"nats://u:p@127.0.0.1:{server.port}"))
    echo(bus, "echo")
    with pytest.raises(PublishRefused):
        await bus.call("no.Entry", b"", seconds=30)
    assert bus.permission_errors == 1
    assert (await bus.call(subject(bus, "echo"), b"yes")).payload == b"yes"
    assert bus.reconnects == 0


async def test_a_drain_ends_soon_when_nats_is_away(own: Bus, server: NatsServer) -> None:
    server.kill()
    await disconnection(own)
    with capture_logs() as logs:
        await own.drain()
    cut_short = [one["error"] for one in logs if one["event"] == "bus_drain_cut_short"]
    assert cut_short == [str(Disconnected())]  # and not that its time was up


async def test_a_drain_ends_when_nats_is_frozen(settings: BusSettings, server: NatsServer) -> None:
    bus = await Bus.connect(replace(settings, nats_url=server.url, ping_seconds=60), "test")
    server.freeze()
    for _ in range(20):
        bus.publish(subject(bus), b"x" * 1_000_000)
        await asyncio.sleep(0)
    async with asyncio.timeout(FROZEN_SECONDS):
        await bus.drain()
