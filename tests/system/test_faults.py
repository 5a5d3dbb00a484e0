"""Each part is killed with -9 under a publisher with acks: nothing acked is lost or comes twice."""

import asyncio
from collections.abc import Iterator

import nats
import pytest
from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from goimbus.client import Client
from goimbus.messages import Message
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem, running_system

PARTS = ("gateway", "store", "router", "auth", "valkey-server", "nats-server")
MESSAGES_BEFORE, MESSAGES_AFTER = 100, 100
PUBLISH_SECONDS = 2.0


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of its own: its parts get killed."""
    folder = tmp_path_factory.mktemp("fragile")
    with running_system(folder, WEB_CONCURRENCY="2") as system:
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
