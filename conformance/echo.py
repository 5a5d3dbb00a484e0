"""EDGE the gateway under test: `python -m conformance.echo NATS_URL` serves until it is ended.

Everything is the gateway's own, from accept to close: front door, parser, masks, fragments, control
frames, text, limits, deadlines. Only a whole message does not become a goim frame: it is sent back.
"""

import sys
from dataclasses import replace

import uvloop

from bus.connection import Bus
from bus.lifecycle import until_told_to_stop
from bus.logs import configure_logs
from bus.metrics import Metrics
from bus.policies import PolicyBook
from bus.settings import BusSettings
from gateway.fanout import websocket_message
from gateway.front import FrontDoor
from gateway.gateway import Gateway
from gateway.server import Readiness, Server, make_gateway_id
from gateway.settings import Limits, Settings
from gateway.websocket import WebSocketConnection

FIN_TEXT = b"\x81"
# What the cases send and the gateway would refuse: 16 MiB in a message (9.1.6), 4 MiB in frames of
# 64 bytes (9.3.1), many pings at once (2.10); and nobody logs in.
WIDE = Limits(
    message_bytes=2**25,
    message_fragments=70_000,
    message_seconds=600.0,
    auth_seconds=86_400.0,
    frames_per_second=1e9,
    frames_burst=1_000_000_000,
    stalled_seconds=600.0,
)


class EchoConnection(WebSocketConnection):
    """A WebSocket connection whose messages come back."""

    __slots__ = ()

    def handle_message(self, message: bytes, text: bool) -> None:
        """Send a whole message back as what it was."""
        data = websocket_message(message)
        self.transport.write(FIN_TEXT + data[1:] if text else data)


class EchoDoor(FrontDoor):
    """The front door of the port under test."""

    __slots__ = ()
    websocket_connection = EchoConnection


class EchoServer(Server):
    """The gateway's listeners, with the other door."""

    front_door = EchoDoor


async def serve(nats_url: str) -> None:
    """Listen on a free port, print it, and go on until SIGTERM."""
    configure_logs("conformance", level="error")
    settings = Settings(
        bus=BusSettings(nats_url=nats_url, prefix="conformance"),
        limits=replace(WIDE),
        host="127.0.0.1",
        port=0,
    )
    bus = await Bus.connect(settings.bus, "gateway")
    gateway = Gateway(settings, bus, PolicyBook(bus, {}), make_gateway_id(settings), "0")
    gateway.start()
    server = EchoServer(gateway, Metrics(), Readiness(gateway))
    await server.open()
    sys.stdout.write(f"{server.ports[0]}\n")
    sys.stdout.flush()
    await until_told_to_stop()
    gateway.stop_tasks()
    await bus.drain()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
