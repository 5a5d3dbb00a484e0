"""EDGE all processes of `goimbus up`: started in order, kept running, ended in order."""

import asyncio
import signal
from collections.abc import Callable, Sequence

from goimbus.part import Part, PartPlan
from goimbus.prefixed_output import PrefixedOutput
from goimbus.probe import http_get

LOOK_SECONDS = 0.05  # between two looks at readiness
TELL_SECONDS = 10.0  # between two lines that say what is awaited
NAME = "up"  # of the supervisor's own lines
SERVER_STOP_SECONDS = 5.0


class Supervisor:
    """Runs the servers, then the services; ends when told or when going on can't help.

    `service_plans(urls)` makes the services' plans from the URLs of the servers, in their order.
    The service `first_to_stop` has `stop_seconds` to end, then all others have as long, then the
    servers end.
    """

    def __init__(
        self,
        output: PrefixedOutput,
        server_plans: Sequence[PartPlan],
        service_plans: Callable[[list[str]], list[PartPlan]],
        first_to_stop: str,
        stop_seconds: float,
    ) -> None:
        self._output = output
        self._server_plans = server_plans
        self._service_plans = service_plans
        self._first_to_stop = first_to_stop
        self._stop_seconds = stop_seconds
        self._servers: dict[Part, asyncio.Task[None]] = {}
        self._services: dict[Part, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self, port: int, when_ready: Callable[[], str]) -> None:
        """Start everything, say `when_ready()` when `port` is, and return after SIGTERM or SIGINT.

        A second SIGINT kills what has not ended yet. Raises StartRefused and ServerFailed, when
        everything else has ended. Cancelling is safe.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        loop.add_signal_handler(signal.SIGINT, self._handle_interrupt)
        starting = asyncio.create_task(self._start(port, when_ready))
        starting.add_done_callback(self._note_end)
        try:
            await self._stopping.wait()
        finally:
            starting.cancel()
            await self._stop_in_order()
        if self._failure is not None:
            raise self._failure

    async def _start(self, port: int, when_ready: Callable[[], str]) -> None:
        for plan in self._server_plans:
            self._add(plan, self._servers)
        urls = [await part.url for part in self._servers]
        for plan in self._service_plans(urls):
            self._add(plan, self._services)
        await self._wait_until_ready(port)
        self._output.say(NAME, when_ready())

    def _add(self, plan: PartPlan, parts: dict[Part, asyncio.Task[None]]) -> None:
        part = Part(plan, self._output)
        parts[part] = task = asyncio.create_task(part.keep_running())
        task.add_done_callback(self._note_end)

    async def _wait_until_ready(self, port: int) -> None:
        clock = asyncio.get_running_loop().time
        told = clock()
        while True:
            try:
                status, body = await http_get(port, "/readyz")
                if status == 200:
                    return
                why = f"{status} {body.strip()}"
            except (OSError, ValueError) as error:  # TimeoutError is an OSError
                why = str(error) or type(error).__name__
            if clock() - told > TELL_SECONDS:
                told = clock()
                self._output.say(NAME, f"not ready yet: /readyz on port {port} says: {why}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _stop_in_order(self) -> None:
        """Gateway first, so that its clients leave in peace; servers last."""
        first = [part for part in self._services if part.name == self._first_to_stop]
        others = [part for part in self._services if part.name != self._first_to_stop]
        await self._stop_together(first, self._stop_seconds)
        await self._stop_together(others, self._stop_seconds)
        await self._stop_together(list(self._servers), SERVER_STOP_SECONDS)

    async def _stop_together(self, parts: list[Part], seconds: float) -> None:
        tasks = {(self._services | self._servers)[part]: part for part in parts}
        if not tasks:
            return
        for part in parts:
            part.stop()
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            tasks[task].say(f"did not end within {seconds:g} s: killed")
            tasks[task].kill()
        await asyncio.wait(tasks)

    def _handle_interrupt(self) -> None:
        if self._stopping.is_set():
            for part in (*self._services, *self._servers):
                part.kill()
        self._stopping.set()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        if self._failure is None:
            self._failure = task.exception()
        self._stopping.set()
