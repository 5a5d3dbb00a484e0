"""A member's presence over gateways that come and go: what somebody with a NATS client is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import nats
import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg

from goimbus.client import Client
from goimbus.client_errors import ClosedByServer
from schemas.close_codes import CloseCode
from tests.plain_nats import settle
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem, running_system

GRACE_SECONDS, LEASE_SECONDS = 1.0, 10.0  # a gateway starts again within the lease
SETTINGS = {
    "WEB_CONCURRENCY": "2",
    "GOIM_OFFLINE_SECONDS": str(GRACE_SECONDS),
    "GOIM_LEASE_SECONDS": str(LEASE_SECONDS),
    "GOIM_PRESENCE_SECONDS": "0.3",
    "GOIM_JANITOR_SECONDS": "0.2",
}


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of its own, whose parts get killed; in it a lease is short."""
    with running_system(tmp_path_factory.mktemp("presence"), **SETTINGS) as system:
        yield system


class Watcher:
    """Hears all events about one member."""

    def __init__(self, nats_client: NatsClient, url: str) -> None:
        self.nats = nats_client
        self.url = url
        self.mid = int(unique("")[:11], 16)
        self.heard: asyncio.Queue[Msg] = asyncio.Queue()

    async def next(self) -> str:
        """Return what the next event says, such as `online`."""
        message = await self.heard.get()
        event = json.loads(message.data)
        assert event["mid"] == str(self.mid)
        return str(event["what"])

    async def settled(self) -> None:
        """Let a grace pass: another member comes and goes, each told after what was before."""
        other = self.mid + 1
        events = await self.nats.subscribe(f"goim.event.session.{other}.*")
        await settle(self.nats)
        async with Client(self.url, mid=other):
            await events.next_msg(timeout=20)
        await events.next_msg(timeout=20)


@pytest.fixture
async def watcher(own_system: RunningSystem) -> AsyncIterator[Watcher]:
    client = await nats.connect(own_system.nats_url)
    watcher = Watcher(client, own_system.websocket_url)

    async def hear(message: Msg) -> None:
        watcher.heard.put_nowait(message)

    await client.subscribe(f"goim.event.session.{watcher.mid}.*", cb=hear)
    await settle(client)
    yield watcher
    await client.close()


@pytest.fixture
async def http(own_system: RunningSystem) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=own_system.http_url, timeout=20) as client:
        yield client


async def test_three_connections_closed_in_turn_make_one_edge_each_way(
    own_system: RunningSystem, watcher: Watcher, http: httpx.AsyncClient
) -> None:
    urls = (own_system.websocket_url, own_system.tcp_url, own_system.websocket_url)
    clients = [Client(url, mid=watcher.mid, platform="ios") for url in urls]
    for client in clients:
        await client.__aenter__()
    assert await watcher.next() == "online"
    path = f"/api/v1/presence/members?mids={watcher.mid}"
    (member,) = (await http.get(path)).json()["members"]
    assert member["online"]
    assert {one["platform"] for one in member["devices"]} == {"ios"}
    for client in clients[:2]:
        await client.close()
    await watcher.settled()
    assert watcher.heard.empty()
    await clients[2].close()
    assert await watcher.next() == "offline"
    (member,) = (await http.get(path)).json()["members"]
    assert (member["online"], len(member["devices"])) == (False, 1)
    assert member["last_seen_ms"] > 0


async def test_a_client_that_comes_back_after_its_gateway_was_killed_was_never_away(
    own_system: RunningSystem, watcher: Watcher
) -> None:
    async with Client(own_system.websocket_url, mid=watcher.mid) as client:
        assert await watcher.next() == "online"
        assert own_system.kill("gateway") >= 1
        own_system.wait_until_ready()
        await client.subscribe([1000])  # answered by the gateway it came back to
        await watcher.settled()
        assert watcher.heard.empty()
    assert await watcher.next() == "offline"


async def test_a_client_that_does_not_come_back_goes_offline_after_the_lease(
    own_system: RunningSystem, watcher: Watcher
) -> None:
    client = Client(own_system.websocket_url, mid=watcher.mid)
    await client.__aenter__()
    assert await watcher.next() == "online"
    own_system.kill("gateway")
    await client.close()
    assert await watcher.next() == "offline"
    own_system.wait_until_ready()


@pytest.mark.parametrize("part", ["valkey-server", "router"])
async def test_a_killed_part_makes_no_false_edge(
    own_system: RunningSystem, watcher: Watcher, part: str
) -> None:
    async with Client(own_system.websocket_url, mid=watcher.mid):
        assert await watcher.next() == "online"
        assert own_system.kill(part) >= 1
        own_system.wait_until_ready()
        await watcher.settled()
        assert watcher.heard.empty()
    assert await watcher.next() == "offline"


async def test_an_event_can_be_read_again(own_system: RunningSystem, watcher: Watcher) -> None:
    async with Client(own_system.websocket_url, mid=watcher.mid):
        assert await watcher.next() == "online"
    assert await watcher.next() == "offline"
    subject = f"goim.event.session.{watcher.mid}.*"
    stream = watcher.nats.jetstream(timeout=20)
    replay = await stream.subscribe(subject, stream="GOIM_EVENT", ordered_consumer=True)
    told = [json.loads((await replay.next_msg(timeout=20)).data)["what"] for _ in range(2)]
    assert told == ["online", "offline"]


async def test_what_finds_its_member_away_is_told_whoever_published_it(
    own_system: RunningSystem, watcher: Watcher, http: httpx.AsyncClient
) -> None:
    away = await watcher.nats.subscribe(f"goim.event.undelivered.{watcher.mid}")
    await settle(watcher.nats)
    push = f"/goim/push/mids?operation=1000&mids={watcher.mid}&id=order"
    assert (await http.post(push, content=b"x")).json()["code"] == 0
    event = json.loads((await away.next_msg(timeout=20)).data)
    assert (event["operation"], event["id"], "body" in event) == (1000, "order", False)
    await watcher.nats.request(f"goim.push.member.{watcher.mid}.1001", b"y", timeout=20)
    event = json.loads((await away.next_msg(timeout=20)).data)
    assert event["operation"] == 1001
    async with Client(own_system.websocket_url, mid=watcher.mid, accepts=[1000, 1001]) as client:
        received = [await anext(client) for _ in range(2)]
    assert [one.body for one in received] == [b"x", b"y"]  # type: ignore[union-attr]


async def test_where_the_newest_device_stays_the_others_are_told_not_to_come_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("newest")
    with running_system(folder, WEB_CONCURRENCY="2", GOIM_DEVICES="newest") as system:
        async with (
            Client(system.websocket_url, mid=5, device="phone") as phone,
            Client(system.tcp_url, mid=6) as other_member,
            Client(system.tcp_url, mid=5, device="laptop") as laptop,
        ):
            with pytest.raises(ClosedByServer) as closed:
                await anext(phone)
            assert closed.value.code == CloseCode.REPLACED.number
            assert (laptop.connected, laptop.reconnects) == (True, 0)
            assert (other_member.connected, other_member.reconnects) == (True, 0)
