"""A gateway on a real socket that does what the test tells it, frame by frame."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from json import dumps, loads
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from schemas.frame import Frame, decode_frames, encode_batch, encode_frame
from schemas.operations import Operation

TRANSPORTS = ("ws", "tcp")


class FakeConnection:
    """The server's end of one connection; made by FakeGateway."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.over = asyncio.Event()
        self.websocket: ServerConnection | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.heartbeats = 0

    async def read(self) -> Frame:
        """Return the next frame that is no heartbeat."""
        return await self.frames.get()

    async def write(self, frame: bytes) -> None:
        """Send one frame as it is."""
        if self.websocket is not None:
            await self.websocket.send(frame)
        if self.writer is not None:
            self.writer.write(frame)
            await self.writer.drain()

    async def push(self, *frames: bytes) -> None:
        """Send frames as a gateway pushes them: in one op 9 envelope, bare on TCP."""
        await self.write(encode_batch(frames) if self.websocket is not None else b"".join(frames))

    async def push_run(self, topic: str, *messages: tuple[int, bytes], operation: int = 1) -> None:
        """Push stored messages, each with its sequence, to an `ext` client."""
        await self.push(
            topic_frame(topic, messages[-1][0]),
            *(encode_frame(operation, body, 1, wire(number)) for number, body in messages),
        )

    async def tell_live(self, topic: str, sequence: int) -> None:
        """Say that all up to there was sent."""
        await self.push(topic_frame(topic, sequence, live=True))

    async def log_in(self, ext: bool = True, **told: Any) -> dict[str, Any]:
        """Take the auth frame and answer it; return what the client said."""
        frame = await self.read()
        assert frame.operation == Operation.AUTH
        asked: dict[str, Any] = loads(frame.body)
        told = {
            "key": asked["key"] or "made-key",
            "room": asked["room_id"],
            "mid": asked["mid"],
            "heartbeat": 30,
            "ext": 1,
            **told,
        }
        body = dumps(told).encode() if ext else b""
        await self.write(encode_frame(Operation.AUTH_REPLY, body, frame.version, frame.sequence))
        return asked

    async def answer(self, frame: Frame, **values: Any) -> None:
        """Answer what an `ext` client sent."""
        body = dumps(values).encode()
        await self.write(encode_frame(Operation.SEND_MESSAGE_REPLY, body, 1, frame.sequence))

    async def close(self, code: int = 1001, words: str = "") -> None:
        """End the connection, on WebSocket with this code."""
        if self.websocket is not None:
            await self.websocket.close(code, words)
        if self.writer is not None:
            self.writer.close()

    def cut(self) -> None:
        """End the connection without a word."""
        if self.websocket is not None:
            self.websocket.transport.abort()
        if self.writer is not None:
            self.writer.transport.abort()

    async def take(self, frames: list[Frame]) -> None:
        """Sort what came in; heartbeats are answered."""
        for frame in frames:
            if frame.operation != Operation.HEARTBEAT:
                self.frames.put_nowait(frame)
                continue
            self.heartbeats += 1
            if self.heartbeats_answered:
                online = (42).to_bytes(4, "big")
                reply = encode_frame(Operation.HEARTBEAT_REPLY, online, 1, frame.sequence)
                await self.write(reply)

    heartbeats_answered = True


class FakeGateway:
    """Takes connections; `accept` returns them one by one."""

    def __init__(self) -> None:
        self.url = ""
        self.waiting: asyncio.Queue[FakeConnection] = asyncio.Queue()
        self.connections: list[FakeConnection] = []

    async def accept(self) -> FakeConnection:
        """Return the next connection."""
        return await self.waiting.get()

    async def log_in(self, **told: Any) -> FakeConnection:
        """Return the next connection, logged in."""
        connection = await self.accept()
        await connection.log_in(**told)
        return connection

    def _new(self) -> FakeConnection:
        connection = FakeConnection()
        self.connections.append(connection)
        self.waiting.put_nowait(connection)
        return connection

    async def serve_websocket(self, websocket: ServerConnection) -> None:
        """One WebSocket client."""
        connection = self._new()
        connection.websocket = websocket
        try:
            async for message in websocket:
                assert isinstance(message, bytes)
                await connection.take(decode_frames(message).frames)
        except ConnectionClosed:
            pass
        finally:
            connection.over.set()

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP client."""
        connection = self._new()
        connection.writer = writer
        rest = b""
        try:
            while data := await reader.read(65_536):
                frames, rest, error = decode_frames(rest + data)
                assert error is None
                await connection.take(frames)
        except OSError:
            pass
        finally:
            connection.over.set()
            writer.close()


@asynccontextmanager
async def fake_gateway(transport: str) -> AsyncIterator[FakeGateway]:
    """Listen on a free port of 127.0.0.1."""
    gateway = FakeGateway()
    if transport == "ws":
        # No pings: a test may move the clock past their deadline.
        async with serve(gateway.serve_websocket, "127.0.0.1", 0, ping_interval=None) as server:
            gateway.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/sub"
            yield gateway
            for connection in gateway.connections:
                connection.cut()
        return
    listener = await asyncio.start_server(gateway.serve_tcp, "127.0.0.1", 0)
    async with listener:
        gateway.url = f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        yield gateway
        for connection in gateway.connections:
            connection.cut()


def topic_frame(topic: str, sequence: int, live: bool = False) -> bytes:
    """Return an op 19 frame."""
    values: dict[str, Any] = {"topic": topic, "sequence": sequence}
    if live:
        values["live"] = True
    return encode_frame(Operation.TOPIC, dumps(values).encode())


def wire(sequence: int) -> int:
    """Return the low 32 bits as an int32."""
    return (sequence + 2**31) % 2**32 - 2**31
