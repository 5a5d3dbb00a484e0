"""Store processes in this process, on a real nats-server, with a clock that can be moved."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

from bus.connection import Bus
from bus.service import Service
from bus.settings import BusSettings
from schemas.headers import FROM, STAMP, TO, encode_headers
from schemas.messages_pb2 import (
    DevicePosition,
    HistoryReply,
    HistoryRequest,
    LastReply,
    LastRequest,
    PositionReply,
    PositionRequest,
    ReadReply,
    ReadRequest,
    ReplayReply,
    ReplayRequest,
    StoredMessage,
    TopicMessages,
    UnreadRequest,
    Want,
)
from schemas.policies import BUILT_IN, DEFAULT, Policy
from schemas.subjects import member_topic
from store.assembly import Store, make_service
from store.batches import Put, write_batch, write_one
from store.settings import Settings

PATIENT_SECONDS = 30.0  # for what must come, on a busy machine too

Answer = TypeVar("Answer", bound=Message)


class Policies:
    """Policies that a test sets."""

    def __init__(self) -> None:
        self.described: dict[str, Policy] = dict(BUILT_IN)

    def of(self, room_type: str) -> Policy:
        return self.described.get(room_type, DEFAULT)

    def types(self) -> Iterable[str]:
        return tuple(self.described)


@dataclass
class Clock:
    """The real time, moved by `ahead` seconds, or `at` a time where it stands still."""

    ahead: float = 0.0
    at: float = 0.0  # 0: it goes on

    def __call__(self) -> float:
        return self.at or time.time() + self.ahead

    async def synchronize(self) -> None:
        """It is right as it is."""


@dataclass
class StoreProcess:
    """One store with a bus of its own."""

    bus: Bus
    store: Store
    service: Service

    async def stop(self) -> None:
        await self.service.stop()
        await self.store.stop()
        await self.bus.drain()


@dataclass
class System:
    """One prefix on one nats-server: stores, and a bus to ask and publish with."""

    url: str
    prefix: str
    more_settings: dict[str, Any] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    clock: Clock = field(default_factory=Clock)
    stores: list[StoreProcess] = field(default_factory=list)

    async def connect(self) -> "System":
        self.bus = await Bus.connect(self._bus_settings(), "test")
        self.subjects = self.bus.subjects
        return self

    async def start_store(self) -> StoreProcess:
        bus = await Bus.connect(self._bus_settings(), "store")
        own = {"wait_seconds": PATIENT_SECONDS, **self.more_settings}
        settings = Settings(bus=self._bus_settings(), **own)
        store = Store(bus, settings, self.policies, self.clock)
        service = make_service(bus)
        await store.start(service)
        await bus.flush()
        process = StoreProcess(bus, store, service)
        self.stores.append(process)
        return process

    async def stop_store(self, process: StoreProcess) -> None:
        self.stores.remove(process)
        await process.stop()

    async def stop(self) -> None:
        for process in list(self.stores):
            await self.stop_store(process)
        await self.bus.drain()

    async def publish(
        self,
        topic: str,
        body: bytes,
        operation: int = 1000,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Store a message; return its sequence once it was acknowledged."""
        subject = self.subjects.push(topic, operation)
        if not headers:
            return await write_one(self.bus, Put(subject, body))
        block = encode_headers(dict(headers))
        reply = await self.bus.call(subject, body, headers=block)
        assert b'"seq"' in reply.payload, reply.payload
        return int(reply.payload.split(b'"seq":')[1].strip(b" }").split(b",")[0])

    async def publish_many(
        self, topics: Sequence[str], bodies: Sequence[bytes], operation: int = 1000
    ) -> int:
        """Store messages in atomic batches, in order by stream; return the last sequence."""
        last = 0
        streams: dict[str, list[Put]] = {}
        for topic, body in zip(topics, bodies, strict=True):
            put = Put(self.subjects.push(topic, operation), body)
            streams.setdefault(self.subjects.topic_stream(topic), []).append(put)
        for puts in streams.values():
            for start in range(0, len(puts), 1000):
                last = await write_batch(self.bus, puts[start : start + 1000])
        return last

    async def ask(self, endpoint: str, request: Message, answer: type[Answer]) -> Answer:
        subject = self.subjects.rpc("store", endpoint)
        reply = await self.bus.call(subject, request.SerializeToString())
        return answer.FromString(reply.payload)

    async def replay(self, *wants: Want) -> ReplayReply:
        return await self.ask("replay", ReplayRequest(wants=wants), ReplayReply)

    async def replay_one(self, want: Want) -> TopicMessages:
        reply = await self.replay(want)
        assert not reply.error.code, reply.error
        assert len(reply.topics) == 1
        return reply.topics[0]

    async def replay_all(self, want: Want) -> tuple[list[StoredMessage], TopicMessages]:
        """Ask page after page; return the messages and the last page."""
        messages: list[StoredMessage] = []
        while True:
            page = await self.replay_one(want)
            messages += page.messages
            if not page.more:
                return messages, page
            want = Want(topic=want.topic, has_after=True, after=page.reached)

    async def history(self, topic: str = "", **fields: Any) -> TopicMessages:
        request = HistoryRequest(topic=topic, **fields)
        reply = await self.ask("history", request, HistoryReply)
        assert not reply.error.code, reply.error
        return reply.page

    async def direct(self, sender: int, recipient: int, body: bytes) -> tuple[int, int]:
        """Store a direct message in both members' topics, as the router does.

        Return its sequences with the sender and with the recipient.
        """
        headers = {FROM: str(sender), TO: str(recipient), STAMP: "1"}
        own = await self.publish(member_topic(sender), body, headers=headers)
        if sender == recipient:
            return own, own
        return own, await self.publish(member_topic(recipient), body, headers=headers)

    async def read(self, mid: int, **fields: Any) -> ReadReply:
        reply = await self.ask("read", ReadRequest(mid=mid, **fields), ReadReply)
        assert not reply.error.code, reply.error
        return reply

    async def unread(self, mid: int, **fields: Any) -> ReadReply:
        reply = await self.ask("unread", UnreadRequest(mid=mid, **fields), ReadReply)
        assert not reply.error.code, reply.error
        return reply

    async def last(self, *topics: str) -> list[int]:
        reply = await self.ask("last", LastRequest(topics=topics), LastReply)
        assert not reply.error.code, reply.error
        return list(reply.sequences)

    async def save(self, mid: int, device: str, topics: Mapping[str, int]) -> PositionReply:
        position = DevicePosition(mid=mid, device=device, topics=topics)
        return await self.ask("position", PositionRequest(positions=[position]), PositionReply)

    def _bus_settings(self) -> BusSettings:
        return BusSettings(nats_url=self.url, prefix=self.prefix, request_seconds=PATIENT_SECONDS)


def reconnection(bus: Bus) -> "asyncio.Future[None]":
    """Return what is done when the bus has connected again."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle() -> None:
        bus.on_reconnect.remove(settle)
        future.set_result(None)

    bus.on_reconnect.append(settle)
    return future


def bodies(messages: Iterable[StoredMessage]) -> list[bytes]:
    return [message.body for message in messages]


def sequences(messages: Iterable[StoredMessage]) -> list[int]:
    return [message.sequence for message in messages]
