import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg
from nats.errors import NoRespondersError, ProtocolError
from nats.js.api import StreamConfig

from bus.connection import Bus
from bus.direct import (
    MAX_LINE_BYTES,
    DirectClient,
    DirectParser,
    DirectSubscription,
    can_deliver_directly,
)
from bus.logs import RareLog
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS
from tests.bus.servers import NatsServer

Received = tuple[bytes, bytes, bytes, bytes | None]
DIRECT_SID, OTHER_SID = 1, 2


class Client:
    """What the parser needs of a client, and all that it was told."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.control: list[Any] = []
        subscription = DirectSubscription(DIRECT_SID, "s", "", self.take)
        self._subs = {DIRECT_SID: subscription}
        self.stats = {"in_msgs": 0, "in_bytes": 0}
        self.callback_errors = RareLog("test_callback_raised")
        self._pings_outstanding = 2
        self.parser = DirectParser(self)

    is_closed = is_reconnecting = False

    def take(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        self.received.append((subject, reply, payload, headers))
        if payload == b"raise":
            raise ValueError

    async def _process_msg(self, sid: int, *message: Any) -> None:
        assert sid == OTHER_SID
        self.received.append(message)

    async def _process_ping(self) -> None:
        self.control.append("ping")

    async def _process_pong(self) -> None:
        self.control.append("pong")

    async def _process_err(self, words: str) -> None:
        self.control.append(words)
        if "reset" in words:
            self.parser.reset()

    async def _process_info(self, info: Any) -> None:
        self.control.append(info)


def wire(sid: int, message: Received) -> bytes:
    subject, reply, payload, headers = message
    words = [subject, b"%d" % sid, *([reply] if reply else [])]
    if headers is None:
        return b"MSG %b %d\r\n%b\r\n" % (b" ".join(words), len(payload), payload)
    size = len(headers)
    head = b"HMSG %b %d %d\r\n" % (b" ".join(words), size, size + len(payload))
    return head + headers + payload + b"\r\n"


subjects = st.sampled_from([b"s", b"goim.room.live.1.kept.1000", b"_INBOX.x.17"])
replies = st.sampled_from([b"", b"_INBOX.r.1"])
blocks = st.none() | st.sampled_from([b"NATS/1.0\r\nA: b\r\n\r\n", b"NATS/1.0 503\r\n\r\n"])
messages = st.tuples(subjects, replies, st.binary(max_size=60), blocks)
sent = st.lists(st.tuples(st.sampled_from([DIRECT_SID, OTHER_SID]), messages), max_size=8)
pings = st.lists(st.integers(0, 8), max_size=3)


@given(sent=sent, ping_before=pings, cuts=st.lists(st.integers(0, 800), max_size=20))
def test_any_split_of_the_stream_delivers_the_same(
    sent: list[tuple[int, Received]], ping_before: list[int], cuts: list[int]
) -> None:
    pieces = [
        (b"PING\r\n" if number in ping_before else b"") + wire(*one)
        for number, one in enumerate(sent)
    ]
    stream = b"".join(pieces)
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})

    async def run() -> Client:
        client = Client()
        for start, end in pairwise(edges):
            await client.parser.parse(stream[start:end])
        assert client.parser.rest == b""
        return client

    client = asyncio.run(run())
    assert client.received == [message for _, message in sent]
    assert client.control == ["ping"] * len({one for one in ping_before if one < len(sent)})
    direct = [message for sid, message in sent if sid == DIRECT_SID]
    assert client.stats["in_msgs"] == len(direct)


@given(
    sent=sent,
    ping_before=pings,
    cuts=st.lists(st.integers(0, 800), max_size=20),
    waits=st.lists(st.integers(0, 3), min_size=21, max_size=21),
)
def test_what_is_taken_from_the_socket_and_by_the_task_keeps_one_order(
    sent: list[tuple[int, Received]], ping_before: list[int], cuts: list[int], waits: list[int]
) -> None:
    pieces = [
        (b"PING\r\n" if number in ping_before else b"") + wire(*one)
        for number, one in enumerate(sent)
    ]
    stream = b"".join(pieces)
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})

    async def run() -> Client:
        client, reader = Client(), asyncio.StreamReader()

        async def process_slowly(sid: int, *message: Any) -> None:
            await asyncio.sleep(0)
            client.received.append(message)

        async def keep_reading() -> None:
            while data := await reader.read(100):
                await client.parser.parse(data)

        client._process_msg = process_slowly  # type: ignore[method-assign]
        client.parser.read_from(reader)
        task = asyncio.create_task(keep_reading())
        for wait, (start, end) in zip(waits, pairwise(edges), strict=False):
            reader.feed_data(stream[start:end])
            for _ in range(wait):
                await asyncio.sleep(0)
        reader.feed_eof()
        await task
        assert client.parser.rest == b""
        return client

    client = asyncio.run(run())
    assert client.received == [message for _, message in sent]
    assert client.control == ["ping"] * len({one for one in ping_before if one < len(sent)})


async def test_nothing_is_taken_from_a_connection_that_was_given_up() -> None:
    client, reader = Client(), asyncio.StreamReader()
    client.parser.read_from(reader)
    reader.feed_data(wire(1, (b"s", b"", b"1", None)) + b"MSG s 1 3\r\n")
    client.parser.reset()
    reader.feed_data(b"old\r\n" + wire(1, (b"s", b"", b"2", None)))
    client.parser.read_from(reader := asyncio.StreamReader())
    client.is_reconnecting = True
    reader.feed_data(wire(1, (b"s", b"", b"3", None)))
    assert [payload for _, _, payload, _ in client.received] == [b"1"]


@given(data=st.binary(max_size=120))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    async def run() -> None:
        client = Client()
        client._subs.clear()
        client._process_msg = ignore  # type: ignore[method-assign]
        try:
            await client.parser.parse(data)
        except ProtocolError:
            return

    async def ignore(sid: int, *message: Any) -> None:
        pass

    asyncio.run(run())


async def test_control_lines_reach_the_client() -> None:
    client = Client()
    await client.parser.parse(b"PING\r\nPONG\r\n+OK\r\nINFO {\"a\":1}\r\n-ERR 'Slow \xff'\r\npi")
    assert client.control == ["ping", "pong", {"a": 1}, "'slow \ufffd'"]
    assert client.parser.rest == b"pi"


@pytest.mark.parametrize(
    "line",
    [
        b"HELLO\r\n",
        b"MSG s 1 x\r\n",
        b"MSG s 1 -5\r\n",
        b"MSG s 1 99999999999\r\n",
        b"MSG\r\n",
        b"MSG s x 0\r\n\r\n",
        b"HMSG s 1 x 3\r\nabc\r\n",
        b"INFO nonsense\r\n",
        b"\r\n",
    ],
)
async def test_what_no_server_sends_is_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await Client().parser.parse(line)


async def test_a_line_without_an_end_is_not_collected_for_ever() -> None:
    parser = Client().parser
    await parser.parse(b"I" * MAX_LINE_BYTES)
    with pytest.raises(ProtocolError):
        await parser.parse(b"I")


async def test_a_callback_that_raises_loses_nothing_but_its_own_message() -> None:
    client = Client()
    stream = b"".join(wire(1, (b"s", b"", payload, None)) for payload in (b"1", b"raise", b"2"))
    await client.parser.parse(stream)
    assert [payload for _, _, payload, _ in client.received] == [b"1", b"raise", b"2"]
    assert client.callback_errors.count == 1


async def test_what_is_left_of_a_lost_connection_is_not_parsed_with_the_next() -> None:
    client = Client()
    await client.parser.parse(b"MSG s 1 50\r\nhalf of it")
    client.parser.reset()
    await client.parser.parse(wire(1, (b"s", b"", b"whole", None)))
    await client.parser.parse(b"-ERR 'reset'\r\nMSG s 1 3\r\nold")
    await client.parser.parse(wire(1, (b"s", b"", b"new", None)))
    assert [payload for _, _, payload, _ in client.received] == [b"whole", b"new"]


async def test_whoever_sends_is_alive() -> None:
    client = Client()
    await client.parser.parse(b"MSG s 1 5000\r\nbeginning")
    assert client._pings_outstanding == 0


def test_this_nats_py_is_the_one_that_was_tried() -> None:
    assert can_deliver_directly()


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[DirectClient]:
    client = DirectClient()
    await client.connect(nats_url)
    yield client
    await client.close()


async def test_nats_pys_own_requests_work(client: DirectClient, prefix: str) -> None:
    async def answer(msg: Msg) -> None:
        await msg.respond(b"pong:" + msg.data)

    await client.subscribe(f"{prefix}.service", cb=answer)
    assert (await client.request(f"{prefix}.service", b"x", PATIENT_SECONDS)).data == b"pong:x"
    with pytest.raises(NoRespondersError):
        await client.request(f"{prefix}.none", b"x", PATIENT_SECONDS)


async def test_nats_pys_jetstream_works(client: DirectClient, prefix: str) -> None:
    jetstream = client.jetstream(timeout=PATIENT_SECONDS)
    await jetstream.add_stream(StreamConfig(name=prefix, subjects=[f"{prefix}.in"]))
    for number in range(50):
        await jetstream.publish(f"{prefix}.in", b"%d" % number)
    pull = await jetstream.pull_subscribe(f"{prefix}.in", "durable")
    fetched = await pull.fetch(50, timeout=PATIENT_SECONDS)
    assert [msg.data for msg in fetched] == [b"%d" % number for number in range(50)]
    ordered = await jetstream.subscribe(f"{prefix}.in", ordered_consumer=True)
    followed = [(await ordered.next_msg(PATIENT_SECONDS)).data for _ in range(50)]
    assert followed == [msg.data for msg in fetched]


async def test_nats_pys_key_value_buckets_work(client: DirectClient, prefix: str) -> None:
    bucket = await client.jetstream(timeout=PATIENT_SECONDS).create_key_value(bucket=prefix)
    await bucket.put("key", b"value")
    assert (await bucket.get("key")).value == b"value"
    watcher = await bucket.watchall()
    entry = await watcher.updates(timeout=PATIENT_SECONDS)  # type: ignore[no-untyped-call]
    assert entry is not None
    assert (entry.key, entry.value) == ("key", b"value")
    await watcher.stop()  # type: ignore[no-untyped-call]


async def test_nats_pys_own_subscriptions_outlive_a_restart(
    server: NatsServer, prefix: str
) -> None:
    bus = await Bus.connect(BusSettings(nats_url=server.url, prefix=prefix), "test")
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(msg: Msg) -> None:
        received.put_nowait(msg.data)

    await bus.client.subscribe("plain", cb=take)
    bus.subscribe("direct", lambda subject, reply, payload, headers: received.put_nowait(payload))
    back = asyncio.Event()
    bus.on_reconnect.append(back.set)
    server.kill()
    await server.start()
    await back.wait()
    bus.publish("plain", b"1")
    assert await received.get() == b"1"
    bus.publish("direct", b"2")
    assert await received.get() == b"2"
    await bus.drain()
