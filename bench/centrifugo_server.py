"""EDGE Centrifugo under measurement: its unchanged binary with its defaults, and a publisher."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cores import Cores
from bench.ports import free_ports
from bench.processes import pin
from bench.stand_ins import running_binary, running_stand_in
from bench.target import Target

NAME = "Centrifugo"
STAND_IN = "bench.centrifugo_stand_in"


def config_of(port: int) -> dict[str, object]:
    """Return its settings: anyone may come and subscribe, and publish by HTTP."""
    return {
        "http_server": {"address": "127.0.0.1", "port": port},
        "client": {"insecure": True},
        "http_api": {"insecure": True},
        "channel": {"without_namespace": {"allow_subscribe_for_client": True}},
        "log": {"level": "error"},
    }


@contextmanager
def running_centrifugo(folder: Path, binary: Path, cores: Cores) -> Iterator[Target]:
    """Run it for the length of the block. Raises NotMeasurable and PartFailed."""
    port, publish_port = free_ports(2)
    config = folder / "centrifugo.json"
    config.write_text(json.dumps(config_of(port)))
    command = [str(binary), "-c", str(config)]
    with (
        running_binary(NAME, command, port, folder / "centrifugo.log") as server,
        running_stand_in(STAND_IN, {"api": port, "publish": publish_port}) as publisher,
    ):
        pin(server, cores.server)
        processes = {"centrifugo": server, "publisher": publisher}
        yield Target(
            NAME,
            {"ws": port},
            publish_port,
            processes,
            "centrifugo",
            speaks="centrifugo",
            stores=False,
        )
