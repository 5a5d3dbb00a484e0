"""A way to NATS that can be cut, while everybody else still reaches it."""

import asyncio
from typing import Self
from urllib.parse import urlsplit

from tests.bus.servers import free_port


class Proxy:
    """Carries bytes between a gateway and nats-server."""

    def __init__(self, nats_url: str) -> None:
        self._target = urlsplit(nats_url)
        self._server: asyncio.Server | None = None
        self._port = free_port()  # one that nobody is given while it is cut
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    async def mend(self) -> Self:
        """Let connections through."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        return self

    def cut(self) -> None:
        """End all connections and take no new ones."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def end(self) -> None:
        """Cut for good."""
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(
            self._target.hostname, self._target.port
        )
        self._writers |= {writer, there_writer}
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(_pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
    except OSError:
        pass
    finally:
        sink.transport.abort()
