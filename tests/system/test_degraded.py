"""A part is away, silent or slow: what goes on, what everybody is told, and how it comes back.

By hand for longer, with the settings that everybody has:
`GOIM_TEST_OUTAGE_SECONDS=60 ./dev test tests/system/test_degraded.py`.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from goimbus.client import Client
from goimbus.client_errors import SendRefused
from schemas.operations import Operation
from tests.system.goim_socket import GoimSocket, unique
from tests.system.outages import (
    Manner,
    Publisher,
    Reader,
    away,
    becomes,
    breakable_system,
    metric,
    publishing,
    reasons,
    silent,
    slow,
)
from tests.system.running_system import RunningSystem
from tests.until import until

OUTAGE_SECONDS = float(os.environ.get("GOIM_TEST_OUTAGE_SECONDS", "0"))
MESSAGES = 5  # that come during an outage, where live delivery goes on
LOGGED_IN, TRY_LATER = 0, 4007
QUICK = {
    "GOIM_NATS_PING_SECONDS": "0.5",
    "GOIM_REQUEST_SECONDS": "3",
    "GOIM_HTTP_REQUEST_SECONDS": "3",
    "GOIM_REDIS_SECONDS": "0.5",
    "GOIM_PRESENCE_SECONDS": "1",
    "GOIM_PUBLISH_SECONDS": "3",
    "GOIM_SILENT_SECONDS": "1",
}
NO_REASONS: list[str] = []
STOPPED_SECONDS = 1.9 if OUTAGE_SECONDS else 0.3  # of a slow part, again and again
REDIS_AWAY = 'goim_refused_total{rule="presence_unavailable"}'


@dataclass(frozen=True)
class Expected:
    """What is to be seen while a part is away or silent."""

    reason: str  # of /readyz; "": it is ready all the same
    metric: str
    newcomer: int  # LOGGED_IN, or the close code of who logs in
    live: bool = True  # what services publish on NATS is delivered
    sends: bool = True  # clients can send into their room
    pushes: bool = True  # by HTTP

    @property
    def reasons(self) -> list[str]:
        """What /readyz tells."""
        return [self.reason] if self.reason else []


EXPECTED = {
    "nats-server": Expected(
        "NATS is away", "goim_nats_connected", TRY_LATER, live=False, sends=False, pushes=False
    ),
    "valkey-server": Expected("", REDIS_AWAY, LOGGED_IN),
    "auth": Expected(
        "the auth service does not answer", 'goim_service_up{service="auth"}', TRY_LATER
    ),
    "router": Expected(
        "the router service does not answer",
        'goim_service_up{service="router"}',
        LOGGED_IN,
        sends=False,
        pushes=False,
    ),
    "store": Expected(
        "the store service does not answer", 'goim_service_up{service="store"}', LOGGED_IN
    ),
}


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of its own, quick to give up on what does not answer."""
    folder = tmp_path_factory.mktemp("degraded")
    with breakable_system(folder, **({} if OUTAGE_SECONDS else QUICK)) as system:
        yield system


@dataclass(frozen=True)
class Watched:
    """A member, its client, what that has got, and who publishes to it and its room."""

    mid: int
    client: Client
    reader: Reader
    publisher: Publisher


@asynccontextmanager
async def watched(system: RunningSystem) -> AsyncIterator[Watched]:
    """Publish to a client and its room; afterwards it has all of it, once and in order."""
    mid, room = int(unique("")[:11], 16), unique()
    subjects = {
        "member": f"goim.push.member.{mid}.1000",
        f"room:chat://{room}": f"goim.push.room.chat.{room}.1000",
    }
    async with Client(
        system.websocket_url, mid=mid, room=f"chat://{room}", key=unique(), accepts=[1000]
    ) as client:
        reader = Reader(client)
        async with publishing(system, subjects) as publisher:
            await until(lambda: len(reader) > 0)
            yield Watched(mid, client, reader, publisher)
        await until(lambda: len(reader) >= publisher.count)
        reader.stop()
        assert reader.received == publisher.acknowledged
        assert client.reconnects == 0


def login_code(system: RunningSystem, mid: int) -> int:
    """Log in anew; return LOGGED_IN or the code with which the client was turned away."""
    with GoimSocket("tcp", system.tcp_port) as newcomer:
        answer = newcomer.login(json.dumps({"mid": mid, "key": unique(), "ext": 1}))
        if answer.operation == Operation.AUTH_REPLY:
            return LOGGED_IN
        assert answer.operation == Operation.CLOSING
        code: int = json.loads(answer.body)["code"]
        return code


async def differs(system: RunningSystem, name: str, before: float) -> bool:
    """Tell whether a metric is another one than it was."""
    return await metric(system, name) != before


async def send_code(client: Client, body: bytes) -> int:
    """Send into the room; return 0 or the code of the refusal."""
    try:
        assert await client.send(body) > 0
    except SendRefused as refused:
        return refused.code
    return 0


async def push_code(system: RunningSystem) -> int:
    """Push to a member by goim's HTTP API; return the code of the answer, 0 is success."""
    async with httpx.AsyncClient(timeout=20) as http:
        url = f"{system.http_url}/goim/push/mids?operation=1000&mids=1"
        code: int = (await http.post(url, content=b"x")).json()["code"]
        return code


@pytest.mark.timeout(60 + 2 * OUTAGE_SECONDS)
@pytest.mark.parametrize("manner", [away, silent])
@pytest.mark.parametrize("part", EXPECTED)
async def test_others_go_on_and_say_what_is_wrong(
    fragile: RunningSystem, part: str, manner: Manner
) -> None:
    expected = EXPECTED[part]
    async with watched(fragile) as one:
        await becomes(NO_REASONS, partial(reasons, fragile))
        if expected.reason:
            await becomes(1.0, partial(metric, fragile, expected.metric))
        before = await metric(fragile, expected.metric)
        async with manner(fragile, part):
            await becomes(expected.reasons, partial(reasons, fragile))
            await becomes(True, partial(differs, fragile, expected.metric, before))
            code = await asyncio.to_thread(login_code, fragile, 5)
            assert code == expected.newcomer
            assert (await send_code(one.client, b"now or later") == 0) == expected.sends
            assert (await push_code(fragile) == 0) == expected.pushes
            if expected.live:
                seen = len(one.reader)
                await until(lambda: len(one.reader) >= seen + MESSAGES)
            await asyncio.sleep(OUTAGE_SECONDS)
        await becomes(NO_REASONS, partial(reasons, fragile))
        assert await asyncio.to_thread(login_code, fragile, 5) == LOGGED_IN
        await becomes(0, partial(send_code, one.client, b"again"))
        await becomes(0, partial(push_code, fragile))


@pytest.mark.timeout(60 + 2 * OUTAGE_SECONDS)
@pytest.mark.parametrize("part", EXPECTED)
async def test_a_slow_part_makes_nobody_fail(fragile: RunningSystem, part: str) -> None:
    async with watched(fragile) as one:
        async with slow(fragile, part, STOPPED_SECONDS):
            assert await asyncio.to_thread(login_code, fragile, 5) == LOGGED_IN
            assert await send_code(one.client, b"late") == 0
            assert await push_code(fragile) == 0
            seen = len(one.reader)
            await until(lambda: len(one.reader) >= seen + MESSAGES)
            await asyncio.sleep(OUTAGE_SECONDS)
        await becomes(NO_REASONS, partial(reasons, fragile))


@pytest.mark.timeout(60)
async def test_who_comes_while_the_store_is_away_gets_all_when_it_is_back(
    fragile: RunningSystem,
) -> None:
    async with watched(fragile) as one, AsyncExitStack() as stack:
        async with away(fragile, "store"):
            newcomer = Client(fragile.websocket_url, mid=one.mid, key=unique(), accepts=[1000])
            other = Reader(await stack.enter_async_context(newcomer))
            seen = len(one.reader)
            await until(lambda: len(one.reader) >= seen + MESSAGES)
            assert not other.received
        one.publisher.stop()
        sent = one.publisher.acknowledged
        await until(lambda: len(other) >= len(sent["member"]) and one.publisher.done)
        assert other.received == {"member": sent["member"]}
        other.stop()
