"""Questions about presence and gateways."""

import pytest

from router.directory import Directory
from router.errors import RequestRefused
from router.presence import Presence
from router.queries import MOST_ROOMS, WHO_DEFAULT, Queries
from router.settings import NodeSettings
from schemas.messages_pb2 import (
    InstancesRequest,
    RoomsRequest,
    TopRequest,
    TotalRequest,
    WeightedRequest,
    WhoRequest,
)
from tests.router.reports import node, session, snapshot


@pytest.fixture
def queries(directory: Directory) -> Queries:
    return Queries(directory, NodeSettings(domain="conn.goim.io"))


async def test_the_fullest_rooms_are_named_as_goim_names_them(
    queries: Queries, presence: Presence
) -> None:
    await presence.report(snapshot("g1", rooms={"live://1000": 2, "live://7": 1, "game://1": 9}))
    await presence.report(snapshot("g2", rooms={"live://7": 4}))
    rooms = (await queries.top(TopRequest(type="li", limit=10))).rooms
    assert [(one.room, one.count) for one in rooms] == [("7", 5), ("1000", 2)]
    assert len((await queries.top(TopRequest(type="live", limit=1))).rooms) == 1
    assert list((await queries.top(TopRequest(type="none", limit=1))).rooms) == []


@pytest.mark.parametrize("request_", [TopRequest(limit=1), TopRequest(type="a")])
async def test_top_needs_a_type_and_a_limit(queries: Queries, request_: TopRequest) -> None:
    with pytest.raises(RequestRefused):
        await queries.top(request_)
    with pytest.raises(RequestRefused):
        await queries.top(TopRequest(type="live", limit=-1))


async def test_each_room_asked_for_is_answered(queries: Queries, presence: Presence) -> None:
    await presence.report(snapshot("g1", rooms={"live://1000": 2}))
    reply = await queries.rooms(RoomsRequest(rooms=["live://1000", "live://2", "live://2"]))
    assert dict(reply.online) == {"live://1000": 2, "live://2": 0}
    assert dict((await queries.rooms(RoomsRequest())).online) == {}
    with pytest.raises(RequestRefused):
        await queries.rooms(RoomsRequest(rooms=map(str, range(MOST_ROOMS + 1))))


async def test_totals_are_those_of_all_live_gateways(queries: Queries, presence: Presence) -> None:
    assert (await queries.total(TotalRequest())).connections == 0
    sessions = [session("g1", number) for number in range(3)]
    await presence.report(snapshot("g1", *sessions, node=node("g1", client_addresses=2)))
    await presence.report(
        snapshot("g2", session("g2", 1), node=node("g2", client_addresses=1, draining=True))
    )
    reply = await queries.total(TotalRequest())
    assert (reply.connections, reply.client_addresses) == (4, 3)


async def test_who_is_found_by_key_member_room_or_just_anyone(
    queries: Queries, presence: Presence
) -> None:
    sessions = [
        session("g1", number, mid=number % 2, room="live://1", since_ms=1000 - number)
        for number in range(60)
    ]
    await presence.report(snapshot("g1", *sessions))
    by_key = await queries.who(WhoRequest(key="key of g1.5", mid=9))
    assert [one.session for one in by_key.sessions] == ["g1.5"]
    by_member = await queries.who(WhoRequest(mid=1, limit=3))
    assert (len(by_member.sessions), by_member.found) == (3, 30)
    by_room = await queries.who(WhoRequest(room="live://1"))
    assert (len(by_room.sessions), by_room.found) == (WHO_DEFAULT, 60)
    assert [one.since_ms for one in by_room.sessions] == sorted(
        one.since_ms for one in by_room.sessions
    )
    anyone = await queries.who(WhoRequest(limit=1000))
    assert (len(anyone.sessions), anyone.found) == (60, 60)
    nobody = await queries.who(WhoRequest(key="nobody"))
    assert (len(nobody.sessions), nobody.found) == (0, 0)


async def test_nobody_is_there_when_there_is_no_gateway(queries: Queries) -> None:
    assert (await queries.who(WhoRequest())).found == 0
    assert (await queries.top(TopRequest(type="live", limit=5))).rooms == []
    assert dict((await queries.rooms(RoomsRequest(rooms=["a"]))).online) == {"a": 0}
    assert list((await queries.weighted(WeightedRequest())).nodes) == ["conn.goim.io"]
    assert list((await queries.instances(InstancesRequest())).nodes) == []


async def test_gateways_are_told_with_when_they_were_heard_of(
    queries: Queries, presence: Presence
) -> None:
    await presence.report(snapshot("g2"))
    await presence.report(snapshot("g1", node=node("g1", draining=True)))
    instances = (await queries.instances(InstancesRequest())).nodes
    assert [one.gateway for one in instances] == ["g1", "g2"]
    assert all(one.seen_ms > 1_700_000_000_000 for one in instances)
    weighted = await queries.weighted(WeightedRequest(platform="web"))
    assert list(weighted.nodes) == ["host-g2"]
