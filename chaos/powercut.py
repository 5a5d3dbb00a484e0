"""EDGE a power cut: what was acknowledged is on the disk as it is at one instant, or it is not.

A whole Goimbus stores on a disk of its own. In the middle of publishing nats-server is stopped,
the disk is copied as it is, and a nats-server on the copy tells what it has.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.ports import free_ports
from bench.processes import children
from bus.connection import Bus
from bus.errors import StreamApiRefused
from bus.settings import BusSettings
from chaos.instance import Instance, running_instance
from chaos.judge import judge
from chaos.ledger import Ledger
from chaos.population import make_population
from chaos.power_disk import copy_disk, mounted, new_disk, sync_all
from chaos.publishers import Publishers
from chaos.witness import Witness
from chaos.world import World
from goimbus.embedded import find_nats_server, nats_server, running

PREFIX = "goim"
ALWAYS, RELAXED = "sync_interval: always", 'sync_interval: "2m"'
CLIENTS = 16  # whose rooms and members are pushed to; none connects
RUN = "run"  # the folder on the disk


@dataclass(frozen=True, slots=True)
class PowerCut:
    """What a power cut cost under one setting."""

    setting: str
    acked: int
    stored: int
    lost: int
    altered: int
    duplicated: int

    @property
    def is_clean(self) -> bool:
        """True when nothing is lost or other than it was."""
        return not (self.lost or self.altered or self.duplicated)

    @property
    def sentence(self) -> str:
        """Say it in words."""
        share = f" ({self.lost / self.acked:.1%})" if self.lost else ""
        return f"{self.setting}: {self.acked} acknowledged, {self.lost} of them lost{share}"

    def row(self) -> dict[str, object]:
        """Return it as it is written to a file."""
        return asdict(self)


def cut_power(
    folder: Path, variables: Mapping[str, str], seconds: float, rate: float, relaxed: bool
) -> PowerCut:
    """Publish for so long, cut the power, and count. Raises NotPossible, InstanceFailed."""
    image, copy = folder / "disk", folder / "copy"
    ledger = Ledger()
    with new_disk(image) as disk:
        nats = _own_nats(disk) if relaxed else nullcontext(("", 0))
        with nats as (url, own), running_instance(disk / RUN, variables, url) as instance:
            sync_all(disk)  # the streams were made long ago
            stop = own or instance.processes()["nats"]
            world = World(ledger, {}, instance.secret, seed=1)

            def take_disk() -> None:
                os.kill(stop, signal.SIGSTOP)
                copy_disk(image, copy)

            try:
                asyncio.run(_publish_until_cut(instance, world, seconds, rate, take_disk))
            finally:
                with suppress(ProcessLookupError):
                    os.kill(stop, signal.SIGCONT)
    image.unlink()
    with mounted(copy) as disk:
        data = disk / "own" if relaxed else disk / RUN / "data"
        server = nats_server(find_nats_server(os.environ), data, free_ports(1)[0], PREFIX)
        with running(server) as url:
            asyncio.run(_read_back(url, ledger))
    copy.unlink()
    verdict = judge(ledger)
    stored = sum(len(entries) for entries in ledger.stored.values())
    counts = [verdict.counts[name] for name in ("lost", "altered", "duplicated")]
    return PowerCut(RELAXED if relaxed else ALWAYS, len(ledger.acked), stored, *counts)


@contextmanager
def _own_nats(disk: Path) -> Iterator[tuple[str, int]]:
    """Run nats-server with NATS's own default; give its URL and process id."""
    folder = disk / "own"
    folder.mkdir()
    server = nats_server(find_nats_server(os.environ), folder, free_ports(1)[0], PREFIX)
    config = Path(server.command[-1])
    text = config.read_text()
    assert ALWAYS in text
    config.write_text(text.replace(ALWAYS, RELAXED))
    before = set(children(os.getpid()))
    with running(server) as url:
        (process_id,) = set(children(os.getpid())) - before
        yield url, process_id


async def _publish_until_cut(
    instance: Instance,
    world: World,
    seconds: float,
    rate: float,
    take_disk: Callable[[], None],
) -> None:
    personas = make_population(world.seed, CLIENTS)
    bus = await Bus.connect(BusSettings(nats_url=instance.nats_url), "powercut")
    publishers = Publishers(world, personas, bus, instance.http_port, rate)
    publishing = asyncio.create_task(publishers.run())
    await asyncio.sleep(seconds)
    await asyncio.to_thread(take_disk)
    publishing.cancel()
    publishers.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    bus.client.abort_connection()


async def _read_back(url: str, ledger: Ledger) -> None:
    bus = await Bus.connect(BusSettings(nats_url=url), "powercut")
    try:
        with suppress(StreamApiRefused):  # the stream is gone, and all that was in it
            await Witness(bus, ledger).read_to_end()
    finally:
        await bus.drain()


def unmount_leftovers(folder: Path) -> None:
    """Unmount what an interrupted run has left below its folder."""
    for disk in folder.glob("*.mounted"):
        subprocess.run(["umount", "-l", str(disk)], capture_output=True, check=False)
