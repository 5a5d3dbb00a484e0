"""Each part ends under a publisher with acks, by -9 or in peace: nothing is lost or repeated."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from bus.connection import Bus
from bus.settings import BusSettings
from chaos.storm import Place, Storm
from goimbus.client import Client
from goimbus.messages import Message
from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.system.goim_socket import GoimSocket, unique
from tests.system.outages import Publisher, Reader, publishing
from tests.system.running_system import RunningSystem, running_system
from tests.until import until

PARTS = ("gateway", "store", "router", "auth", "valkey-server", "nats-server")
MESSAGES_BEFORE, MESSAGES_AFTER = 100, 100
PUBLISH_SECONDS, LOOK_SECONDS = 2.0, 0.05
EXIT_SECONDS = 20.0
STORM_CLIENTS = 200
DRAIN_SECONDS = 2.0
BACK_SOON = 0.02  # of the time that a client waits at most before it comes back


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of its own: its parts get killed."""
    folder = tmp_path_factory.mktemp("fragile")
    settings = {"WEB_CONCURRENCY": "2", "GOIM_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    with running_system(folder, **settings) as system:
        yield system


async def ignore(error: Exception) -> None:
    """nats-py would log it."""


async def publish(publisher: NatsClient, subject: str, body: bytes) -> None:
    """Publish until it is acked, always with the same id."""
    stream = publisher.jetstream()
    headers = {"Nats-Msg-Id": f"{subject}.{body.decode()}"}
    while True:
        try:
            await stream.publish(subject, body, timeout=PUBLISH_SECONDS, headers=headers)
            return
        except (NatsError, TimeoutError):
            await asyncio.sleep(0)


async def receive(client: Client, count: int) -> dict[str, list[bytes]]:
    """Return the bodies of so many messages, by topic, in the order they came."""
    received: dict[str, list[bytes]] = {}
    for _ in range(count):
        message = await anext(client)
        assert isinstance(message, Message)
        received.setdefault(message.topic, []).append(message.body)
    return received


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", PARTS)
async def test_nothing_acked_is_lost_when_a_part_is_killed(
    fragile: RunningSystem, part: str
) -> None:
    mid, room = int(unique("")[:11], 16), unique()
    subjects = (f"goim.push.member.{mid}.1000", f"goim.push.room.chat.{room}.1000")
    publisher = await nats.connect(
        fragile.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=ignore
    )
    total = 2 * (MESSAGES_BEFORE + MESSAGES_AFTER)
    async with Client(
        fragile.websocket_url, mid=mid, room=f"chat://{room}", key=unique(), accepts=[1000]
    ) as client:
        reading = asyncio.create_task(receive(client, total))
        for number in range(MESSAGES_BEFORE):
            for subject in subjects:
                await publish(publisher, subject, b"%d" % number)
        assert fragile.kill(part) >= 1
        for number in range(MESSAGES_BEFORE, MESSAGES_BEFORE + MESSAGES_AFTER):
            for subject in subjects:
                await publish(publisher, subject, b"%d" % number)
        received = await reading
    await publisher.close()
    expected = [b"%d" % number for number in range(MESSAGES_BEFORE + MESSAGES_AFTER)]
    assert received == {"member": expected, f"room:chat://{room}": expected}
    fragile.wait_until_ready()


async def push_once(system: RunningSystem, mid: int, push_id: str) -> httpx.Response:
    """Push to a member by HTTP, once."""
    async with httpx.AsyncClient(timeout=20) as http:
        parameters = f"operation=1000&mids={mid}&id={push_id}&detail=1"
        return await http.post(f"{system.http_url}/goim/push/mids?{parameters}", content=b"x")


def send_once(system: RunningSystem, key: str, room: str, number: int) -> dict[str, object]:
    """Log in with extensions, send a message under this number, and return the answer.

    Where the login finds somebody away, that is the error.
    """
    with GoimSocket("tcp", system.tcp_port) as client:
        token = {"mid": 7, "key": key, "room_id": f"chat://{room}", "ext": 1}
        if (reply := client.login(json.dumps(token))).operation != Operation.AUTH_REPLY:
            return {"error": reply.body}
        client.send(encode_frame(Operation.SEND_MESSAGE, b"x", 1, number))
        while (answer := client.receive()).operation != Operation.SEND_MESSAGE_REPLY:
            pass
        values: dict[str, object] = json.loads(answer.body)
        return values


async def pushed_when_there(system: RunningSystem, mid: int, push_id: str) -> dict[str, Any]:
    """Push until a gateway takes it: one of the two may be back from an outage later."""
    while (answer := (await push_once(system, mid, push_id)).json())["code"]:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    told: dict[str, Any] = answer
    return told


async def sent_when_there(system: RunningSystem, key: str, room: str) -> dict[str, object]:
    """Send in the same way."""
    while "error" in (answer := await asyncio.to_thread(send_once, system, key, room, 17)):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    return answer


@pytest.mark.timeout(60)
async def test_an_id_is_known_after_nats_was_killed_and_refused_when_it_may_be_forgotten(
    fragile: RunningSystem,
) -> None:
    mid, key, room = int(unique("")[:11], 16), unique(), unique()
    push_id = f"order@{int(time.time())}"
    pushed = await pushed_when_there(fragile, mid, push_id)
    sent = await sent_when_there(fragile, key, room)
    assert fragile.kill("nats-server") == 1
    await asyncio.to_thread(fragile.wait_until_ready)
    again = await pushed_when_there(fragile, mid, push_id)
    assert again["detail"]["stored"] == pushed["detail"]["stored"]
    answer = await sent_when_there(fragile, key, room)
    assert answer == {"sequence": sent["sequence"], "duplicate": True}
    too_old = f"order@{int(time.time()) - 115}"
    while (old := await push_once(fragile, mid, too_old)).status_code >= 500:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    assert (old.status_code, old.json()["code"]) == (400, -400)
    assert "too old to be sure" in old.json()["message"]


async def test_all_clients_of_a_killed_worker_come_back_at_once_and_have_everything(
    fragile: RunningSystem,
) -> None:
    bus = await Bus.connect(BusSettings(nats_url=fragile.nats_url), "storm")

    def kill_worker() -> None:
        busiest = max(workers(fragile), key=lambda one: len(os.listdir(f"/proc/{one}/fd")))
        os.kill(busiest, signal.SIGKILL)

    place = Place(fragile.port, fragile.tcp_port, kill_worker)
    storm = Storm(place, bus, STORM_CLIENTS, lambda mid: "")
    await storm.run_storm(missed=5)
    storm.end()
    await bus.drain()
    assert storm.figures.first == []
    assert storm.figures.is_clean
    assert storm.figures.lost_connections > 0


def workers(system: RunningSystem) -> list[int]:
    """Return the gateway's processes but their parent."""
    variable = b"GOIM_GATEWAY_WORKER="
    found = system.processes("gateway")
    return [one for one in found if variable in Path(f"/proc/{one}/environ").read_bytes()]


async def end_in_peace(process_id: int) -> None:
    """Send SIGTERM; fails when the process is still there after 20 s."""
    os.kill(process_id, signal.SIGTERM)
    async with asyncio.timeout(EXIT_SECONDS):
        await until(lambda: not Path(f"/proc/{process_id}").exists())


def has_published(publisher: Publisher, count: int) -> bool:
    """Tell whether so many messages are acknowledged."""
    return publisher.count >= count


def has_got(reader: Reader, count: int) -> bool:
    """Tell whether so many messages have come."""
    return len(reader) >= count


def is_replaced(find: Callable[[], list[int]], count: int) -> bool:
    """Tell whether as many processes are there as before."""
    return len(find()) == count


def everything(by_topic: Mapping[str, list[bytes]]) -> Counter[bytes]:
    """Return how often each body is there: a client without extensions is told no topics."""
    return Counter(chain.from_iterable(by_topic.values()))


@pytest.mark.timeout(120)
async def test_a_rolling_restart_loses_nothing_and_repeats_nothing(
    fragile: RunningSystem,
) -> None:
    mid, room = int(unique("")[:11], 16), unique()
    subjects = {
        "member": f"goim.push.member.{mid}.1000",
        f"room:chat://{room}": f"goim.push.room.chat.{room}.1000",
    }
    async with AsyncExitStack() as stack:
        client_of = partial(
            Client, mid=mid, room=f"chat://{room}", accepts=[1000], jitter=lambda: BACK_SOON
        )
        clients = [
            await stack.enter_async_context(client_of(url, key=unique(), ext=ext))
            for url in (fragile.websocket_url, fragile.tcp_url)
            for ext in (True, True, False, False)
        ]
        readers = [Reader(client) for client in clients]
        async with publishing(fragile, subjects) as publisher:
            for part in PARTS:
                find = (
                    workers if part == "gateway" else partial(RunningSystem.processes, module=part)
                )
                before = find(fragile)
                for process_id in before:
                    await until(partial(has_published, publisher, publisher.count + 4))
                    await end_in_peace(process_id)
                    await until(partial(is_replaced, partial(find, fragile), len(before)))
                    await asyncio.to_thread(fragile.wait_until_ready)
        sent = publisher.acknowledged
        for client, reader in zip(clients, readers, strict=True):
            await until(partial(has_got, reader, publisher.count))
            reader.stop()
            if client.extended:
                assert reader.received == sent
            else:
                assert everything(reader.received) == everything(sent)
            assert client.reconnects >= 1
