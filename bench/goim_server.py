"""EDGE goim's comet under measurement: its unchanged binary, and around it what it needs.

comet finds its logic in a discovery service, asks it about each token, and takes pushes by gRPC.
`python -m bench.goim_stand_in` is all three: the discovery service, a logic that believes tokens,
and a port that speaks NATS, from which pushes go to comet as goim's job would send them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from bench.cores import Cores
from bench.errors import NotMeasurable
from bench.ports import free_ports
from bench.processes import pin
from bench.stand_ins import running_binary, running_stand_in
from bench.target import Target

NAME = "goim"
BINARY = "comet"
BATCH = 20  # messages that goim's job puts into one push
STAND_IN = "bench.goim_stand_in"
WORDS = ("-region", "bench", "-zone", "bench", "-deploy.env", "dev", "-host", "bench")
# goim's own sample settings (cmd/comet/comet-example.toml), but for the ports.
CONFIG = """\
[discovery]
    nodes = ["127.0.0.1:{discovery}"]
[rpcServer]
    addr = "127.0.0.1:{grpc}"
    timeout = "1s"
[rpcClient]
    dial = "1s"
    timeout = "1s"
[tcp]
    bind = ["127.0.0.1:{tcp}"]
    sndbuf = 4096
    rcvbuf = 4096
    keepalive = false
    reader = 32
    readBuf = 1024
    readBufSize = 8192
    writer = 32
    writeBuf = 1024
    writeBufSize = 8192
[websocket]
    bind = ["127.0.0.1:{ws}"]
[protocol]
    timer = 32
    timerSize = 2048
    svrProto = 10
    cliProto = 5
    handshakeTimeout = "8s"
[whitelist]
    Whitelist = []
    WhiteLog = "{white_log}"
[bucket]
    size = 32
    channel = 1024
    room = 1024
    routineAmount = 32
    routineSize = 1024
"""


@contextmanager
def running_goim(folder: Path, binaries: Path, cores: Cores) -> Iterator[Target]:
    """Run comet and what it needs for the length of the block.

    Raises NotMeasurable and PartFailed.
    """
    if find_spec("grpc") is None:
        raise NotMeasurable(
            "goim speaks gRPC, and grpcio is not installed",
            "it comes with the developers' requirements (requirements-dev.txt)",
        )
    names = ("ws", "tcp", "grpc", "discovery", "logic", "publish")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    config = folder / "comet.toml"
    config.write_text(CONFIG.format(**ports, white_log=folder / "white.log"))
    folders = ("-conf", str(config), "-addrs", "127.0.0.1", "-log_dir", str(folder))
    command = [str(binaries / BINARY), *WORDS, *folders]
    with (
        running_stand_in(STAND_IN, ports) as stand_in,
        running_binary("goim's comet", command, ports["ws"], folder / "comet.log") as comet,
    ):
        pin(comet, cores.server)
        yield Target(
            NAME,
            {"ws": ports["ws"], "tcp": ports["tcp"]},
            ports["publish"],
            {"comet": comet, "logic and job": stand_in},
            "comet",
            stores=False,
            batch=BATCH,
        )
