"""Direct messages that were missed, read on one device and known to all; parts end meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx
import nats
import pytest

from goimbus.client import Client, ClientHooks
from goimbus.client_errors import AskRefused
from goimbus.client_history import ReadState, Unread
from goimbus.messages import Message
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem, running_system

ADA, BOB = 5, 9
PHONES = 5  # over two gateways, so that each has one
NOT_THERE, LOOK_SECONDS = 503, 0.05

T = TypeVar("T")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of its own: its store and its Valkey are killed."""
    with running_system(tmp_path_factory.mktemp("history"), WEB_CONCURRENCY="2") as system:
        yield system


@pytest.fixture
async def clients(own: RunningSystem) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Logs in; all are closed in the end."""
    async with AsyncExitStack() as stack:

        async def log_in(mid: int, **options: Any) -> Client:
            client = Client(own.websocket_url, mid=mid, key=unique(), accepts=[4], **options)
            return await stack.enter_async_context(client)

        yield log_in


async def received(client: Client, count: int) -> list[dict[str, Any]]:
    """Return the next messages of a client, as they are stamped."""
    stamps: list[dict[str, Any]] = []
    while len(stamps) < count:
        message = await anext(client)
        assert isinstance(message, Message)
        stamps.append(json.loads(message.body))
    return stamps


async def when_there(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the store is there again."""
    while True:
        try:
            return await ask()
        except AskRefused as refused:
            if refused.code != NOT_THERE:
                raise
        await asyncio.sleep(LOOK_SECONDS)


@pytest.mark.timeout(60)
async def test_what_was_missed_is_unread_until_it_is_read_on_any_device(
    own: RunningSystem, clients: Callable[..., Awaitable[Client]]
) -> None:
    ada = await clients(ADA)
    for text in ("one", "two", "three"):
        await ada.send_to(text, member=BOB)
    laptop = await clients(BOB)
    missed = await received(laptop, 3)
    assert [(one["from"], one["to"], one["body"]) for one in missed] == [
        (ADA, BOB, text) for text in ("one", "two", "three")
    ]
    got = [one["sequence"] for one in missed]
    assert (await laptop.unread()).members == {ADA: ReadState(0, 3, got[2])}
    page = await laptop.history(member=ADA, limit=2)
    assert [(one.sequence, one.sender, one.body) for one in page.messages] == [
        (got[1], ADA, b"two"),
        (got[2], ADA, b"three"),
    ]
    assert page.more
    older = await laptop.history(member=ADA, limit=2, before=page.messages[0].sequence)
    assert ([one.body for one in older.messages], older.more) == ([b"one"], False)
    assert [one.body for one in (await ada.history(member=BOB)).messages] == [
        b"one",
        b"two",
        b"three",
    ]

    told: asyncio.Queue[Unread] = asyncio.Queue()
    hooks = ClientHooks(on_read=told.put_nowait)
    phones = [await clients(BOB, hooks=hooks) for _ in range(PHONES)]
    for phone in phones:
        assert await received(phone, 3) == missed
    state = ReadState(got[1], 1, got[2])
    assert (await laptop.read(members={ADA: got[1]})).members == {ADA: state}
    for _ in phones:
        assert (await told.get()).members == {ADA: state}
    assert told.empty()

    for part in ("store", "valkey-server"):
        assert own.kill(part) >= 1
    assert (await when_there(laptop.unread)).members == {ADA: state}
    assert (await when_there(ada.unread)).members[BOB].unread == 0
    assert (await laptop.history(member=ADA)).messages[-1].body == b"three"
    assert (await laptop.read(members={ADA: got[0]})).members == {ADA: state}  # it never goes back

    own.wait_until_ready()
    answer = await phones[0].send_to("four", member=ADA)
    assert (await laptop.unread()).members == {ADA: ReadState(answer, 0, answer)}
    assert (await ada.unread()).members[BOB].unread == 1
    assert [one["body"] for one in await received(laptop, 1)] == ["four"]


async def test_the_same_by_http_and_by_any_nats_client(
    own: RunningSystem, clients: Callable[..., Awaitable[Client]]
) -> None:
    me, other = 1001, 1002
    sender = await clients(other)
    await sender.send_to("hello", member=me)
    url = f"http://127.0.0.1:{own.port}/api/v1/store"
    mine = {"Authorization": f"Bearer {json.dumps({'mid': me})}"}
    connection = await nats.connect(own.nats_url)
    async with httpx.AsyncClient(headers=mine, timeout=20) as http:
        answer = await http.post(f"{url}/conversations", json={})
        listed = answer.json()["conversations"]
        last = listed[0]["state"]["last"]
        assert listed == [{"peer": str(other), "state": {"last": last, "unread": 1}}]
        asked = json.dumps({"mid": me}).encode()
        reply = await connection.request("goim.store.conversations", asked, timeout=20)
        assert json.loads(reply.data)["conversations"] == listed
        page = (await http.post(f"{url}/history", json={"peer": other})).json()["page"]
        assert [(one["sender"], one["body"]) for one in page["messages"]] == [
            (str(other), "aGVsbG8=")
        ]
        read = await http.post(f"{url}/read", json={"members": {other: last}})
        assert read.json()["members"] == {str(other): {"last": last, "read": last}}
        unread = await http.post(f"{url}/unread", json={"all_members": True})
        assert unread.json() == read.json()
    await connection.close()
