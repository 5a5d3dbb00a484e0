"""What the router is told of who is connected here, and what is made of its answers."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway import presence
from schemas.messages_pb2 import PresenceReport
from tests.gateway.clients import TcpClient
from tests.gateway.harness import Harness, running_gateway


class Router:
    """What a router makes of reports, in a few lines."""

    def __init__(self, reports: list[PresenceReport]) -> None:
        self.sessions: dict[str, Any] = {}
        self.rooms: Counter[str] = Counter()
        for report in reports:
            self.take(report)

    def take(self, report: PresenceReport) -> None:
        if report.snapshot:
            self.sessions.clear()
            self.rooms.clear()
        for session in report.joined:
            self.sessions[session.session] = session
        for name in report.left:
            self.sessions.pop(name, None)
        self.rooms.update({room: count - self.rooms[room] for room, count in report.rooms.items()})
        assert len(self.sessions) == report.sessions


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    settings: dict[str, Any] = {"presence_seconds": 0.1, "public_addresses": ("goim.example",)}
    async with running_gateway(nats_url, prefix, region="sh", zone="sh001", **settings) as running:
        yield running


def seen(harness: Harness) -> Router:
    return Router(harness.presence.reports)


async def online(client: TcpClient) -> int:
    return int.from_bytes((await client.ask(2)).body, "big")


async def test_the_first_report_is_a_snapshot_with_the_node(harness: Harness) -> None:
    await harness.presence.arrived.wait()
    report = harness.presence.reports[0]
    assert report.snapshot
    node = report.node
    assert node.gateway == harness.gateway.id
    assert list(node.addresses) == ["goim.example"]
    assert (node.region, node.zone, node.weight, node.version) == ("sh", "sh001", 10, "1.0.0")
    assert (node.connections, node.draining) == (0, False)


async def test_who_joins_moves_and_leaves_is_told_soon(harness: Harness) -> None:
    client = await harness.tcp(mid=5, key="phone", room_id="live://1", platform="web")
    await harness.is_true(lambda: len(seen(harness).sessions) == 1)
    (session,) = seen(harness).sessions.values()
    assert (session.key, session.mid, session.room) == ("phone", 5, "live://1")
    assert (session.platform, session.device) == ("web", "phone")
    assert abs(session.since_ms / 1000 - harness.gateway.wall_time()) < 60
    assert session.since_us // 1000 == session.since_ms
    await client.ask(12, b"live://2")
    await harness.is_true(lambda: seen(harness).rooms["live://2"] == 1)
    (session,) = seen(harness).sessions.values()
    assert session.room == "live://2"
    assert seen(harness).rooms["live://1"] == 0
    await client.finish()
    await harness.is_true(lambda: not seen(harness).sessions)
    assert seen(harness).rooms["live://2"] == 0


async def test_a_beat_comes_without_changes(harness: Harness) -> None:
    await harness.is_true(lambda: len(harness.presence.reports) > 3)
    assert [report.snapshot for report in harness.presence.reports[:4]] == [True, *[False] * 3]


async def test_the_online_count_sums_here_and_elsewhere(harness: Harness) -> None:
    clients = [await harness.tcp(mid=number, room_id="live://1") for number in range(3)]
    assert await online(clients[0]) == 3
    harness.presence.reply.elsewhere["live://1"] = 40
    await harness.is_true(lambda: harness.gateway.presence.online("live://1") == 43)
    assert await online(clients[0]) == 43
    del harness.presence.reply.elsewhere["live://1"]
    await harness.is_true(lambda: harness.gateway.presence.online("live://1") == 3)
    harness.presence.reply.elsewhere["live://1"] = 40
    await harness.is_true(lambda: harness.gateway.presence.online("live://1") == 43)
    await clients[0].ask(12)
    assert await online(clients[0]) == 0
    for client in clients[1:]:
        await client.finish()
    await harness.is_true(lambda: not harness.gateway.presence.elsewhere)


async def test_a_count_of_the_whole_cluster_is_kept(harness: Harness) -> None:
    harness.presence.reply.connections = 77
    await harness.is_true(lambda: harness.gateway.presence.connections == 77)


async def test_a_count_over_int32_is_told_as_the_largest(harness: Harness) -> None:
    client = await harness.tcp(mid=5, room_id="live://1")
    harness.gateway.presence.elsewhere["live://1"] = 2**31 - 1
    assert await online(client) == 2**31 - 1


async def test_a_router_that_has_forgotten_gets_everything_again(harness: Harness) -> None:
    await harness.tcp(mid=5, room_id="live://1")
    await harness.is_true(lambda: len(seen(harness).sessions) == 1)
    before = len(harness.presence.reports)
    harness.presence.reply.resend = True
    await harness.is_true(lambda: any(one.snapshot for one in harness.presence.reports[before:]))
    again = [one.snapshot for one in harness.presence.reports].index(True, before)
    router = Router(harness.presence.reports[again:])
    assert len(router.sessions) == 1
    assert router.rooms == {"live://1": 1}


async def test_after_the_router_was_away_everything_is_told(harness: Harness) -> None:
    await harness.tcp(mid=5, room_id="live://1")
    await harness.is_true(lambda: len(seen(harness).sessions) == 1)
    harness.presence.away = True
    leaving = await harness.tcp(mid=6, room_id="live://1")
    refused = harness.gateway.counters.refused
    await harness.is_true(lambda: refused["presence_unavailable"] > 0)
    await leaving.finish()
    await harness.tcp(mid=7, room_id="live://2")
    await harness.is_true(lambda: refused["presence_unavailable"] > 2)
    before = len(harness.presence.reports)
    harness.presence.away = False
    await harness.is_true(lambda: len(harness.presence.reports) > before + 1)
    router = Router(harness.presence.reports[before:])
    assert sorted(session.mid for session in router.sessions.values()) == [5, 7]
    assert router.rooms == {"live://1": 1, "live://2": 1}


async def test_many_sessions_and_rooms_are_told_in_portions(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "SESSIONS_IN_A_REPORT", 7)
    monkeypatch.setattr(presence, "ROOMS_IN_A_REPORT", 5)
    async with running_gateway(nats_url, prefix, presence_seconds=0.1) as harness:
        harness.presence.away = True
        for number in range(30):
            await harness.tcp(mid=number, room_id=f"live://{number}")
        refused = harness.gateway.counters.refused
        await harness.is_true(lambda: refused["presence_unavailable"] > 1)
        before = len(harness.presence.reports)
        harness.presence.away = False
        harness.presence.reply.elsewhere.update({f"live://{number}": 1 for number in range(30)})
        await harness.is_true(lambda: len(harness.gateway.presence.elsewhere) == 30)
        told = harness.presence.reports
        await harness.is_true(lambda: sum(len(one.joined) for one in told[before:]) == 30)
        reports = told[before:]
        assert max(len(report.joined) for report in reports) == 7
        assert max(len(report.rooms) for report in reports) == 5
        assert max(len(report.watch) for report in reports) <= 10
        router = Router(reports)
        assert len(router.sessions) == 30
        assert set(router.rooms.values()) == {1}
        harness.presence.reply.elsewhere.clear()
        await harness.is_true(lambda: not harness.gateway.presence.elsewhere)


async def test_reports_always_agree_with_who_is_here(harness: Harness) -> None:
    clients: list[TcpClient] = []
    for number in range(60):
        clients.append(await harness.tcp(mid=number, room_id=f"live://{number % 7}"))
        if number % 4 == 3:
            await clients.pop(0).ask(12, b"live://9")
            clients.pop(0).reset()
        if number == 30:
            harness.presence.reply.resend = True
    hub = harness.gateway.hub
    await harness.is_true(
        lambda: (
            set(seen(harness).sessions)
            == {connection.session_id for connection in hub.connections.values()}
            and +seen(harness).rooms == hub.rooms
        )
    )


async def test_a_gateway_that_ends_says_so(harness: Harness) -> None:
    await harness.gateway.presence.leave()
    reports = harness.presence.reports
    await harness.is_true(lambda: bool(reports) and reports[-1].leaving)


async def test_a_gateway_can_end_without_anybody_to_tell(harness: Harness) -> None:
    await harness.services["router"].stop()
    await harness.bus.flush()
    await harness.gateway.presence.leave()


async def test_sessions_that_hear_many_rooms_are_told_in_portions_too(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "SESSION_BYTES_IN_A_REPORT", 1000)
    async with running_gateway(nats_url, prefix, presence_seconds=0.1) as harness:
        harness.presence.away = True
        for number in range(6):
            rooms = [f"chat://{number}-{room:090}" for room in range(20 if number == 3 else 4)]
            client = await harness.ws(mid=number + 1, ext=1, rooms=rooms)
            await client.until_live("all")
        refused = harness.gateway.counters.refused
        await harness.is_true(lambda: refused["presence_unavailable"] > 1)
        before = len(harness.presence.reports)
        harness.presence.away = False
        reports = harness.presence.reports
        await harness.is_true(lambda: sum(len(one.joined) for one in reports[before:]) == 6)
        assert max(len(one.joined) for one in reports[before:]) == 2
        told = Router(reports[before:]).sessions.values()
        assert sorted(len(one.rooms) for one in told) == [4, 4, 4, 4, 4, 20]
