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
)

from .desk import API_KEY, PASSWORD, Desk
from .signing import token

GATEWAYS = ("gate-1", "gate-2")


@dataclass
class Gateways:
    """A router that knows two gateways, and what these were told."""

    closed: list[tuple[str, CloseSession]] = field(default_factory=list)

    async def serve(self, bus: Bus) -> None:
        """Begin to answer and to listen."""
        router = Service(bus, "router", "1.0.0", "for the test")
        rpc = bus.subjects.rpc
        router.serve(
            "instances", rpc("nodes", "instances"), InstancesRequest, InstancesReply, self._nodes
        )
        for gateway in GATEWAYS:
            bus.subscribe(bus.subjects.gateway(gateway), self._take)
        await bus.flush()

    async def _nodes(self, request: InstancesRequest) -> InstancesReply:
        return InstancesReply(nodes=[Node(gateway=gateway) for gateway in GATEWAYS])

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


@pytest.mark.parametrize("by", ["token", "refresh_token"])
async def test_a_logout_cuts_the_connections_of_its_login(
    desk: Desk, gateways: Gateways, by: str
) -> None:
    mid = await desk.register("Ann")
    login = await desk.login()
    await desk.call("logout", **{by: login[by]})
    await desk.settled()
    login_id = login["refresh_token"].partition(".")[0]
    told = CloseSession(mid=mid, code=4001, reason="logged out", token_id=login_id)
    assert gateways.closed == [(gateway, told) for gateway in GATEWAYS] * 2


async def test_a_token_of_a_site_is_cut_by_its_own_name(desk: Desk, gateways: Gateways) -> None:
    await desk.call("logout", token=token(jti="site.7", iss=None))
    await desk.settled()
    told = CloseSession(mid=123, code=4001, reason="logged out", token_id="site.7")
    assert gateways.closed[0] == ("gate-1", told)


async def test_without_a_router_the_logout_holds_and_is_counted(desk: Desk) -> None:
    await desk.register("Ann")
    login = await desk.login()
    await desk.call("logout", token=login["token"])
    await desk.settled()
    assert desk.services[0].accounts.desk.closing.unsent == 2
    assert (await desk.check(login["auth"]))["error"]["code"] == 4001
