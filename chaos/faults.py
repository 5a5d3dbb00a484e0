"""EDGE carries out the faults of a schedule, at their times."""

import asyncio
import signal
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from bus.connection import Bus
from bus.errors import BusError
from chaos.clients import Clients
from chaos.instance import Instance
from chaos.schedule import ROLLED, Fault
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import CloseSession, GatewayCommand, InstancesReply, InstancesRequest

log = structlog.get_logger()

FIND_SECONDS = 5.0  # a process that is being started again is waited for so long
BACK_SECONDS = 20.0  # for a process that was told to end, until another has its place
LOOK_SECONDS = 0.1
REDIS_SECONDS = 3.0
LAST_TOLD = 6


class Faults:
    """Does what the schedule says; `counts` by what was done, `missed` what could not be."""

    def __init__(
        self, schedule: Sequence[Fault], instance: Instance, clients: Clients, bus: Bus
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.timeline: list[str] = []  # with the hour that the parts' log has too
        self.last: deque[str] = deque(maxlen=LAST_TOLD)
        self._schedule = schedule
        self._instance = instance
        self._clients = clients
        self._bus = bus
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Carry out all of them; returns when the last one is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in self._schedule:
            await asyncio.sleep(max(0.0, began + fault.at - loop.time()))
            task = asyncio.create_task(self._carry_out(fault))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await asyncio.gather(*self._under_way)

    async def _carry_out(self, fault: Fault) -> None:
        clock = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        line = f"{fault.at:7.1f} s  {fault.sentence}"
        self.last.append(line)
        done = await self._do(fault)
        self.timeline.append(f"{clock}  {line}{'' if done else '  (missed)'}")
        (self.counts if done else self.missed)[fault.name] += 1

    async def _do(self, fault: Fault) -> bool:
        match fault.kind:
            case "kill":
                return await self._signal(fault.target, signal.SIGKILL) > 0
            case "terminate":
                return await self._signal(fault.target, signal.SIGTERM) > 0
            case "pause":
                return await self._pause(fault)
            case "roll":
                return await self._roll()
            case "wipe":
                return await self._wipe()
            case "cut":
                return self._clients.cut(fault.share, fault.seed) > 0
            case "switch":
                return self._clients.switch(fault.share, fault.seed) > 0
            case _:
                return await self._kick(self._clients.members(fault.share, fault.seed))

    async def _signal(self, part: str, number: signal.Signals) -> int:
        """Send a signal to a part, and return its process id; 0 when it was not there in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FIND_SECONDS
        while not (process_id := self._instance.send_signal(part, number)):
            if loop.time() > deadline:
                return 0
            await asyncio.sleep(LOOK_SECONDS)
        return process_id

    async def _pause(self, fault: Fault) -> bool:
        process_id = await self._signal(fault.target, signal.SIGSTOP)
        if not process_id:
            return False
        await asyncio.sleep(fault.seconds)
        if self._instance.processes().get(fault.target) == process_id:
            self._instance.send_signal(fault.target, signal.SIGCONT)
        return True

    async def _roll(self) -> bool:
        """End each process in turn, when the one before has been replaced."""
        for part in ROLLED:
            ended = await self._signal(part, signal.SIGTERM)
            if not ended or not await self._until_replaced(part, ended):
                return False
        return True

    async def _until_replaced(self, part: str, process_id: int) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BACK_SECONDS
        while self._instance.processes().get(part, process_id) == process_id:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _wipe(self) -> bool:
        client = redis.asyncio.from_url(
            self._instance.valkey_url, socket_timeout=REDIS_SECONDS, retry=None
        )
        try:
            return bool(await client.flushall())
        except (RedisError, OSError) as error:
            log.info("wipe_missed", error=str(error))
            return False
        finally:
            await client.aclose()

    async def _kick(self, mids: list[int]) -> bool:
        """Have each gateway close the connections of these members."""
        bus = self._bus
        try:
            request = InstancesRequest().SerializeToString()
            reply = await bus.call(bus.subjects.rpc("nodes", "instances"), request)
            nodes = InstancesReply.FromString(reply.payload).nodes
            for mid in mids:
                close = CloseSession(mid=mid, code=CloseCode.KICKED.number, reason="chaos")
                command = GatewayCommand(close=close).SerializeToString()
                for node in nodes:
                    bus.publish(bus.subjects.gateway(node.gateway), command)
        except BusError as error:
            log.info("kick_missed", error=str(error))
            return False
        return bool(nodes)
