"""What is kept, by HTTP: a member reads its own, and rooms that it may read."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bus.connection import Bus
from bus.service import Service
from schemas.messages_pb2 import (
    HistoryReply,
    HistoryRequest,
    ReadReply,
    ReadRequest,
    StoredMessage,
    TopicMessages,
    UnreadRequest,
)
from tests.gateway.http_servers import BEARER, client_of, state_of
from tests.gateway.responders import FakeAuth


@dataclass
class StoreOfTheTest:
    """Answers with one message."""

    requests: list[Any] = field(default_factory=list)

    async def history(self, request: HistoryRequest) -> HistoryReply:
        """Answer with a page."""
        self.requests.append(request)
        message = StoredMessage(sequence=5, body=b"hello", session="g.1")
        return HistoryReply(page=TopicMessages(topic=request.topic, messages=[message]))

    async def read(self, request: Any) -> ReadReply:
        """Answer with nothing."""
        self.requests.append(request)
        return ReadReply()


@pytest.fixture
async def store(bus: Bus) -> StoreOfTheTest:
    auth, store = FakeAuth(), StoreOfTheTest()
    auth.grant = {
        "rooms": [
            {"pattern": "chat://*", "receive": True, "history": True},
            {"pattern": "deaf://*", "receive": True},
        ]
    }
    service = Service(bus, "fakes", "1.0.0", "answers for the tests")
    rpc = bus.subjects.rpc
    service.serve_raw("check", rpc("auth", "check"), auth.handle)
    service.serve("history", rpc("store", "history"), HistoryRequest, HistoryReply, store.history)
    service.serve("read", rpc("store", "read"), ReadRequest, ReadReply, store.read)
    service.serve("unread", rpc("store", "unread"), UnreadRequest, ReadReply, store.read)
    return store


async def ask(
    client: httpx.AsyncClient, call: str, caller: int, **fields: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {json.dumps({'mid': caller})}"} if caller else BEARER
    answer = await client.post(f"/api/v1/store/{call}", json=fields, headers=headers)
    return answer.status_code, answer.json()


async def test_a_member_reads_what_it_may(bus: Bus, store: StoreOfTheTest) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        for fields, asked in (
            ({"topic": "room.chat.us"}, HistoryRequest(topic="room.chat.us")),
            ({"room": "chat://us"}, HistoryRequest(topic="room.chat.us")),
            ({"topic": "member.7"}, HistoryRequest(topic="member.7")),
            ({"peer": 9, "mid": 8}, HistoryRequest(peer=9, mid=7)),
            ({"peer": 9, "topic": "room.vip.7", "room": "vip://7"}, HistoryRequest(peer=9, mid=7)),
        ):
            status, answer = await ask(client, "history", 7, **fields)
            assert (status, store.requests[-1]) == (200, asked)
            assert answer["page"]["messages"] == [{"sequence": "5", "body": "aGVsbG8="}]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"topic": "member.8"},
        {"topic": "all"},
        {"topic": "member.8", "mid": 8},
        {"topic": "room.deaf.x"},
        {"room": "deaf://x"},
        {"topic": "room.chat.a.b"},
        {"topic": "room.chat.=FF"},
        {"topic": "room.chat"},
        {"topic": 7},
        {"topic": "room.*.>"},
        {"room": "live://1"},
    ],
)
async def test_a_member_reads_nothing_else(
    bus: Bus, store: StoreOfTheTest, fields: dict[str, Any]
) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        status, answer = await ask(client, "history", 7, **fields)
    assert (status, answer["error"]["reason"]) == (403, "token_forbids")
    assert store.requests == []


async def test_how_far_one_has_read_is_ones_own(bus: Bus, store: StoreOfTheTest) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        rooms = {"chat://us": 5}
        assert (await ask(client, "read", 7, mid=8, rooms=rooms, session="x"))[0] == 200
        assert store.requests[-1] == ReadRequest(mid=7, rooms=rooms)
        assert (await ask(client, "unread", 7, rooms=["chat://us"], all_members=True))[0] == 200
        assert store.requests[-1] == UnreadRequest(mid=7, rooms=["chat://us"], all_members=True)
        assert (await ask(client, "unread", 7, rooms=["team://us"]))[0] == 403
        assert (await ask(client, "read", 7, rooms=[[]]))[0] == 400
        assert (await ask(client, "read", 7, rooms=5))[0] == 400
        assert (await ask(client, "read", 0, mid=8, rooms=rooms))[0] == 200
        assert store.requests[-1] == ReadRequest(mid=8, rooms=rooms)
        assert (await ask(client, "history", 0, topic="member.8"))[0] == 200
