"""EDGE nats-server's own WebSocket under measurement: the bare bus, no sessions, no storage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cores import Cores
from bench.ports import free_ports
from bench.processes import pin
from bench.stand_ins import running_binary
from bench.target import Target
from goimbus.embedded import find_nats_server

NAME = "NATS WebSocket"
CONFIG = """\
listen: "127.0.0.1:{port}"
websocket {{ listen: "127.0.0.1:{websocket}", no_tls: true }}
"""


@contextmanager
def running_nats(folder: Path, cores: Cores) -> Iterator[Target]:
    """Run it for the length of the block. Raises NotMeasurable and PartFailed."""
    port, websocket = free_ports(2)
    config = folder / "nats.conf"
    config.write_text(CONFIG.format(port=port, websocket=websocket))
    command = [find_nats_server(os.environ), "-c", str(config)]
    with running_binary(NAME, command, websocket, folder / "nats.log") as server:
        pin(server, cores.server)
        yield Target(
            NAME, {"ws": websocket}, port, {"nats": server}, "nats", speaks="nats", stores=False
        )
