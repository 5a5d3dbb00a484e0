"""EDGE `/metrics` and `/healthz` over HTTP, for the services that have no port of their own.

    async with monitored(bus, metrics):
        await until_told_to_stop()

One request a connection, no bodies, on loopback unless told otherwise. It takes any bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

import structlog

from bus.connection import Bus
from bus.errors import SettingsRefused
from bus.metrics import Metrics, Reading
from bus.readings import bus_readings

log = structlog.get_logger()

MAX_HEAD_BYTES = 8192
MAX_CONNECTIONS = 32
REQUEST_SECONDS = 5.0  # from connect to the last byte of the answer
TEXT = "text/plain; charset=utf-8"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

Problems = Callable[[], list[str]]


@asynccontextmanager
async def monitored(
    bus: Bus, metrics: Metrics, problems: Problems = list
) -> AsyncIterator["MonitoringListener | None"]:
    """Listen on the bus's `metrics_port` inside the block; not at all where that is 0.

    The bus's own readings are added to `metrics`. `/healthz` is 503 while NATS is away or
    `problems` has sentences. Raises SettingsRefused for a port that can't be listened on.
    """
    metrics.add(partial(bus_readings, bus))
    settings = bus.settings
    if not settings.metrics_port:
        yield None
        return

    def all_problems() -> list[str]:
        return [*([] if bus.connected else ["NATS is away"]), *problems()]

    listener = MonitoringListener(metrics, all_problems)
    try:
        await listener.open(settings.metrics_host, settings.metrics_port)
    except OSError as error:
        raise SettingsRefused([f"GOIM_METRICS_PORT can't be listened on: {error}"]) from None
    try:
        yield listener
    finally:
        await listener.close()


class MonitoringListener:
    """A tiny HTTP server."""

    def __init__(self, metrics: Metrics, problems: Problems) -> None:
        self.refused = 0  # connections beyond the limit
        self.failures = 0  # connections that brought no whole request in time
        self._metrics = metrics
        self._problems = problems
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        metrics.add(self.readings)

    async def open(self, host: str, port: int) -> Self:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEAD_BYTES)
        log.info("monitoring_listens", host=host, port=self.port)
        return self

    @property
    def port(self) -> int:
        """The port that is listened on, 0 for none."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    async def close(self) -> None:
        """Listen no more; answers under way are cut off."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def readings(self) -> Iterable[Reading]:
        """What a scrape is told about scraping."""
        rows: list[tuple[tuple[str, ...], float]] = [
            (("too many",), self.refused),
            (("no request",), self.failures),
        ]
        words = "Monitoring connections closed without an answer"
        yield "goim_monitoring_refused", words, "counter", ("reason",), rows

    def answer(self, head: bytes) -> bytes:
        """Return the whole answer to a request's head, whatever that is."""
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response(400, b"that was no HTTP request\n")
        method, path = words[0], words[1].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response(405, b"only GET here\n")
        status, body, kind = self._resource(path)
        return _response(status, body, kind, with_body=method == b"GET")

    def _resource(self, path: bytes) -> tuple[int, bytes, str]:
        if path == b"/metrics":
            return 200, self._metrics.render(), EXPOSITION
        if path != b"/healthz":
            return 404, b"/metrics and /healthz are here\n", TEXT
        problems = self._problems()
        words = "\n".join(problems or ["ok"])
        return 503 if problems else 200, f"{words}\n".encode(), TEXT

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CONNECTIONS:
            self.refused += 1
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="monitoring")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                try:
                    response = self.answer(await reader.readuntil(b"\r\n\r\n"))
                except asyncio.LimitOverrunError:
                    response = _response(431, b"that head is too large\n")
                writer.write(response)
                writer.close()
                await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            self.failures += 1
        finally:
            writer.transport.abort()


def _response(status: int, body: bytes, kind: str = TEXT, with_body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
