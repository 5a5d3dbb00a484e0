"""A logout, a new password, a closed account: the open connections of the member are cut."""

from dataclasses import dataclass, field

import pytest

from bus.connection import Bus
from bus.service import Service
from schemas.messages_pb2 import (
    CloseSession,
    GatewayCommand,
    InstancesReply,
    InstancesRequest,
    Node,
    Session,
    WhoReply,
    WhoRequest,
)

from .desk import API_KEY, PASSWORD, Desk

GATEWAYS = ("gate-1", "gate-2")


@dataclass
class Gateways:
    """A router that knows two gateways, and what these were told."""

    sessions: list[Session] = field(default_factory=list)
    closed: list[tuple[str, CloseSession]] = field(default_factory=list)

    async def serve(self, bus: Bus) -> None:
        """Begin to answer and to listen."""
        router = Service(bus, "router", "1.0.0", "for the test")
        rpc = bus.subjects.rpc
        router.serve(
            "instances", rpc("nodes", "instances"), InstancesRequest, InstancesReply, self._nodes
        )
        router.serve("who", rpc("presence", "who"), WhoRequest, WhoReply, self._who)
        for gateway in GATEWAYS:
            bus.subscribe(bus.subjects.gateway(gateway), self._take)
        await bus.flush()

    async def _nodes(self, request: InstancesRequest) -> InstancesReply:
        return InstancesReply(nodes=[Node(gateway=gateway) for gateway in GATEWAYS])

    async def _who(self, request: WhoRequest) -> WhoReply:
        return WhoReply(sessions=[one for one in self.sessions if one.mid == request.mid])

    def _take(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        gateway = subject.rpartition(b".")[2].decode()
        self.closed.append((gateway, GatewayCommand.FromString(payload).close))


@pytest.fixture
async def gateways(desk: Desk) -> Gateways:
    gateways = Gateways()
    await gateways.serve(desk.bus)
    return gateways


async def test_a_closed_account_is_cut_on_every_gateway_at_once_and_once_more(
    desk: Desk, gateways: Gateways
) -> None:
    mid = await desk.register("Ann")
    await desk.call("deactivate", token=API_KEY, mid=mid)
    await desk.settled()
    told = CloseSession(mid=mid, code=4001, reason="the account is deactivated")
    assert gateways.closed == [(gateway, told) for gateway in GATEWAYS] * 2
    assert desk.services[0].accounts.desk.closing.commands == 4


@pytest.mark.parametrize("call", ["password", "role", "logout"])
async def test_what_voids_tokens_sends_the_member_for_new_ones(
    desk: Desk, gateways: Gateways, call: str
) -> None:
    mid = await desk.register("Ann")
    bearer = (await desk.login())["token"]
    fields = {
        "password": {"token": bearer, "old_password": PASSWORD, "new_password": "a new password"},
        "role": {"token": API_KEY, "mid": mid, "role": "service"},
        "logout": {"token": bearer, "everywhere": True},
    }
    await desk.call(call, **fields[call])
    await desk.settled()
    assert [one.code for _, one in gateways.closed] == [4002] * 4
    assert {one.mid for _, one in gateways.closed} == {mid}


async def test_a_logout_cuts_the_connections_with_the_login_s_key(
    desk: Desk, gateways: Gateways
) -> None:
    mid = await desk.register("Ann")
    gateways.sessions = [
        Session(session="gate-1.7", key="phone", platform="ios", mid=mid),
        Session(session="gate-2.8", key="web", platform="web", mid=mid),
        Session(session="gate-2.9", key="phone", platform="ios", mid=mid + 1),
    ]
    bearer = (await desk.login(platform="ios", key="phone"))["token"]
    await desk.call("logout", token=bearer)
    await desk.settled()
    told = CloseSession(session="gate-1.7", code=4002, reason="logged out")
    assert gateways.closed == [("gate-1", told)] * 2


async def test_without_a_key_it_cuts_those_of_the_platform_which_may_come_back(
    desk: Desk, gateways: Gateways
) -> None:
    mid = await desk.register("Ann")
    gateways.sessions = [
        Session(session="gate-1.7", key="1", platform="web", mid=mid),
        Session(session="gate-2.8", key="2", platform="web", mid=mid),
        Session(session="gate-2.9", key="3", platform="ios", mid=mid),
    ]
    login = await desk.login(platform="web")
    await desk.call("logout", refresh_token=login["refresh_token"])
    await desk.settled()
    assert {one.session for _, one in gateways.closed} == {"gate-1.7", "gate-2.8"}


async def test_without_a_router_the_logout_holds_and_is_counted(desk: Desk) -> None:
    await desk.register("Ann")
    login = await desk.login()
    await desk.call("logout", token=login["token"])
    await desk.settled()
    assert desk.services[0].accounts.desk.closing.unsent == 2
    assert (await desk.check(login["auth"]))["error"]["code"] == 4001
