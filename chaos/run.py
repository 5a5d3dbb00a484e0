"""EDGE one run of the harness, from an empty folder to the verdict."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from bus.connection import Bus
from bus.errors import BusError, RpcError
from bus.replies import read_reply
from bus.settings import BusSettings
from chaos.clients import Clients
from chaos.errors import InstanceFailed
from chaos.faults import Faults
from chaos.instance import Instance, running_instance
from chaos.judge import Verdict, judge
from chaos.ledger import Ledger
from chaos.population import (
    BRIEF_MESSAGES,
    BRIEF_ROOMS,
    FLEETING_ROOMS,
    FORBIDDEN_ROOM,
    ROOMS,
    make_population,
)
from chaos.publishers import Publishers
from chaos.report import Figures
from chaos.schedule import make_schedule
from chaos.witness import Witness
from chaos.world import World
from schemas.messages_pb2 import RoomsReply, RoomsRequest, TotalReply, TotalRequest
from schemas.subjects import room_topic

log = structlog.get_logger()

LOOK_SECONDS = 1.0
MEMORY_SECONDS = 5.0
READY_SECONDS = 60.0  # after the last fault
FINISH_SECONDS = 120.0  # for publishes under way
JUDGE_ROUNDS = 3
PRESENCE_SECONDS = 15.0  # a lease of 10 s, and a beat


@dataclass(frozen=True, slots=True)
class Options:
    """What is run."""

    seed: int
    seconds: float = 60.0
    rate: float = 200.0  # pushes a second
    clients: int = 64
    faults_per_minute: float = 15.0
    settle_seconds: float = 90.0  # for all clients to get what is due
    plant: tuple[str, ...] = ()  # planted.py


class Run:
    """One run while it is under way; `on_look` is called each second."""

    def __init__(
        self, options: Options, instance: Instance, bus: Bus, on_look: Callable[["Run"], None]
    ) -> None:
        self.options = options
        self.instance = instance
        self.ledger = Ledger()
        ports = {"ws": instance.port, "tcp": instance.tcp_port}
        self.world = World(self.ledger, ports, instance.secret, options.seed, options.plant)
        self.ledger.retained = {room_topic(room): BRIEF_MESSAGES for room in BRIEF_ROOMS}
        personas = make_population(options.seed, options.clients)
        self.world.mids = sorted({persona.mid for persona in personas})
        self.clients = Clients(personas, self.world)
        self.publishers = Publishers(self.world, personas, bus, instance.http_port, options.rate)
        self.witness = Witness(bus, self.ledger)
        schedule = make_schedule(options.seed, options.seconds, options.faults_per_minute)
        self.faults = Faults(schedule, instance, self.clients, bus)
        self.figures = Figures(
            options.seed,
            options.seconds,
            options.rate,
            options.clients,
            options.faults_per_minute,
        )
        self.phase = "starting"
        self._on_look = on_look
        self._began = self.world.now()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self.world.now() - self._began

    async def run(self) -> Verdict:
        """Do all of it. Raises InstanceFailed."""
        self._began = self.world.now()
        watching = [
            asyncio.create_task(work)
            for work in (self._look(), self._watch_memory(), self.witness.follow())
        ]
        try:
            self.clients.start()
            await self._make_mischief()
            return await self._settle()
        finally:
            self.instance.go_on()
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await self.clients.stop()

    async def _make_mischief(self) -> None:
        self.phase = "chaos"
        publishing = asyncio.create_task(self.publishers.run())
        faults = asyncio.create_task(self.faults.run())
        await asyncio.sleep(self.options.seconds)
        publishing.cancel()
        self.world.pulse.over = True
        await asyncio.gather(publishing, return_exceptions=True)
        self.phase = "waiting for the last faults and publishes"
        await faults
        self.instance.go_on()
        if not await self.instance.until_ready(READY_SECONDS):
            raise InstanceFailed("it did not become ready again", str(self.instance.processes()))
        async with asyncio.timeout(FINISH_SECONDS):
            await self.publishers.finish()

    async def _settle(self) -> Verdict:
        """Let everybody get what is due, then judge; what is missing may be asked for again."""
        self.phase = "settling"
        began = self.world.now()
        for _ in range(1 if self.options.plant else JUDGE_ROUNDS):
            self.figures.settled = await self.clients.settle(self.options.settle_seconds)
            await self._read_to_end()
            verdict = judge(self.ledger)
            if not verdict.counts["lost"]:
                break
        self.figures.settle_seconds = self.world.now() - began
        self.figures.presence_off = await self._compare_presence()
        self._take_figures()
        for failure in self.clients.failures:
            raise InstanceFailed("a client of the harness itself has failed", failure)
        return verdict

    async def _compare_presence(self) -> int:
        """Return by how many the router's counts are off when all leases are new.

        They are those of all connections, and of each room.
        """
        off = self.options.clients
        deadline = self.world.now() + PRESENCE_SECONDS
        while off and self.world.now() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                off = await self._count_off()
            except (BusError, RpcError) as error:
                log.info("presence_not_told_yet", error=str(error))
        return off

    async def _count_off(self) -> int:
        bus = self.witness.bus
        rpc = bus.subjects.rpc
        reply = await bus.call(rpc("presence", "total"), TotalRequest().SerializeToString())
        total = read_reply(reply, TotalReply)
        request = RoomsRequest(rooms=[*ROOMS, *BRIEF_ROOMS, *FLEETING_ROOMS, FORBIDDEN_ROOM])
        reply = await bus.call(rpc("presence", "rooms"), request.SerializeToString())
        told, counted = read_reply(reply, RoomsReply).online, self.clients.in_rooms
        in_rooms = sum(abs(told[room] - counted[room]) for room in request.rooms)
        return abs(total.connections - self.clients.online) + in_rooms

    async def _read_to_end(self) -> None:
        async with asyncio.timeout(READY_SECONDS):
            while True:
                try:
                    await self.witness.read_to_end()
                    return
                except BusError as error:
                    log.info("streams_not_read_yet", error=str(error))
                    await asyncio.sleep(LOOK_SECONDS)

    def _take_figures(self) -> None:
        figures, pulse = self.figures, self.world.pulse
        figures.published = len(self.ledger.messages)
        figures.acked = len(self.ledger.acked)
        figures.stored = self.witness.stored
        figures.faults = dict(self.faults.counts)
        figures.timeline = self.faults.timeline
        figures.missed_faults = dict(self.faults.missed)
        figures.pushes = dict(self.publishers.counts)
        figures.sent = dict(self.world.sent)
        figures.failed_logins = dict(self.world.refusals)
        figures.longest_delivery_pause_seconds = pulse.longest_pause
        figures.longest_delivery_pause_at = max(0.0, pulse.longest_pause_at - self._began)
        figures.slowest_delivery_seconds = pulse.slowest
        figures.errors_logged = self.instance.errors_logged()
        figures.memory.note(self.elapsed, self.instance.memory())

    async def _look(self) -> None:
        while True:
            self._on_look(self)
            await asyncio.sleep(LOOK_SECONDS)

    async def _watch_memory(self) -> None:
        while True:
            self.figures.memory.note(self.elapsed, self.instance.memory())
            await asyncio.sleep(MEMORY_SECONDS)


async def run_chaos(
    options: Options,
    folder: Path,
    variables: Mapping[str, str],
    on_look: Callable[[Run], None] = lambda run: None,
) -> tuple[Figures, Verdict]:
    """Run a private Goimbus in `folder` under the options' faults. Raises InstanceFailed."""
    with running_instance(folder, variables) as instance:
        async with _connected(instance) as bus:
            run = Run(options, instance, bus, on_look)
            verdict = await run.run()
            return run.figures, verdict


@asynccontextmanager
async def _connected(instance: Instance) -> AsyncIterator[Bus]:
    bus = await Bus.connect(BusSettings(nats_url=instance.nats_url), "chaos")
    try:
        yield bus
    finally:
        await bus.drain()
