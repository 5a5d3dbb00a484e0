"""What docs/subjects.md lets each service do on NATS is enough for what clients send."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.environment import Secret
from bus.settings import BusSettings
from router.router import Router
from router.settings import PresenceSettings, PublisherSettings, Settings
from schemas.headers import CAST, SESSION, encode_headers
from schemas.messages_pb2 import SendReply
from schemas.policies import Policy
from tests.bus.servers import NatsServer
from tests.router.streams import make_event_stream, make_streams


@pytest.fixture
def server(checkout: Path, tmp_path: Path) -> Iterator[NatsServer]:
    text = (checkout / "docs" / "subjects.md").read_text()
    (config,) = re.findall(r"```conf\n(.*?)```", text, re.DOTALL)
    server = NatsServer(tmp_path / "nats", config)
    yield server
    server.end()


async def test_the_documented_permissions_are_enough(server: NatsServer, redis_url: str) -> None:
    await server.start()

    async def connect(user: str, number: int) -> Bus:
        url = f"nats://{user}:change-me-{number}@127.0.0.1:{server.port}"
        return await Bus.connect(BusSettings(nats_url=url, request_seconds=30), user)

    gateway, own, store, moderator = await asyncio.gather(
        connect("gateway", 2), connect("router", 4), connect("store", 5), connect("moderator", 6)
    )
    await make_streams(store)
    await make_event_stream(store)
    moderator.subscribe(
        "goim.admit.*",
        lambda subject, reply, payload, headers: moderator.publish(reply.decode(), b"{}"),
    )
    await moderator.flush()
    settings = Settings(
        presence=PresenceSettings(redis_url=Secret(redis_url), redis_seconds=30),
        publisher=PublisherSettings(seconds=30),
    )
    policy = Policy(admit="required", admit_seconds=20)
    router = Router(own, settings, lambda room_type: policy)
    await own.flush()
    subjects = gateway.subjects
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    for topic in ("room.chat.1", "member.9"):
        gateway.subscribe(
            subjects.interest(topic), lambda subject, *rest: heard.put_nowait(subject)
        )
    await gateway.flush()
    for subject in (subjects.upstream("chat://1", 5, 4), subjects.direct(9, 5, 4)):
        for extra in ({}, {CAST: "1"}):
            headers = encode_headers({SESSION: "g1.1"} | extra)
            answer = await gateway.call(subject, b"hi", seconds=30, headers=headers)
            reply = SendReply.FromString(answer.payload)
            assert not reply.HasField("error"), reply
            assert bool(reply.sequence) is not bool(extra)
    assert {await heard.get(), await heard.get()} == {
        b"goim.room.chat.1.cast.4",
        b"goim.member.9.cast.4",
    }
    assert router.upstream.responder.counts == {"allowed": 4}
    for bus in (gateway, own, store, moderator):
        assert bus.permission_errors == 0
    await router.drain()
    for bus in (gateway, own, store, moderator):
        await bus.drain()
