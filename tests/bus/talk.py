"""What tests of the bus say and hear."""

import asyncio

from bus.connection import Bus

Received = tuple[bytes, bytes, bytes, bytes | None]


class Inbox:
    """Collects what a subscription is called with."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._queue: asyncio.Queue[Received] = asyncio.Queue()

    def take(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        self.received.append((subject, reply, payload, headers))
        self._queue.put_nowait(self.received[-1])

    async def next(self) -> Received:
        return await self._queue.get()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, payload, _ in self.received]


def subject(bus: Bus, name: str = "a") -> str:
    return f"{bus.settings.prefix}.{name}"


def echo(bus: Bus, name: str) -> None:
    bus.subscribe(
        subject(bus, name),
        lambda subject, reply, payload, headers: bus.publish(reply.decode(), payload),
    )


def reconnection(bus: Bus) -> asyncio.Event:
    back = asyncio.Event()
    bus.on_reconnect.append(back.set)
    return back


async def disconnection(bus: Bus) -> None:
    """Return when the bus has noticed that NATS is away."""
    gone = asyncio.Event()
    bus.request(bus.new_inbox(), b"", lambda reply: gone.set(), seconds=30)
    await gone.wait()
