"""EDGE the barrier: what was stored before a request came is in the view before it is answered.

All that wait at one turn of the loop share one question to the stream's leader, and while that
is on its way the next ones gather for the next question.
"""

import asyncio

from bus.connection import Bus
from bus.errors import BusError, RequestTimeout
from bus.ordered import OrderedReader
from bus.stream_api import request_api
from store.errors import StreamWentBack

QUESTION_SECONDS = 1.0  # then it is asked again: a stream without a leader answers nothing


class Barrier:
    """The barrier of one stream and the view that follows it."""

    def __init__(self, bus: Bus, reader: OrderedReader) -> None:
        self.questions = 0  # asked of the stream
        self.passed = 0
        self.failed = 0
        self._bus = bus
        self._reader = reader
        self._gathering: asyncio.Future[int] | None = None
        self._until = 0.0  # the latest deadline of those who wait
        self._asking: asyncio.Task[None] | None = None

    async def wait(self, seconds: float) -> int:
        """Return the stream's last sequence, once the view has reached it.

        Raises BusError: NATS is away, the view is behind (ReaderBehind) or the stream went back.
        Cancelling is safe.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        try:
            last = await self._ask_for_last(seconds, deadline)
            await self._reader.wait_for(last, max(0.0, deadline - loop.time()))
        except BaseException:
            self.failed += 1
            raise
        self.passed += 1
        return last

    async def _ask_for_last(self, seconds: float, deadline: float) -> int:
        self._until = max(self._until, deadline)
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().create_future()
            self._gathering.add_done_callback(_note_failure)
            if self._asking is None:
                asyncio.get_running_loop().call_soon(self._ask)
        answer = self._gathering
        await asyncio.wait((answer,), timeout=seconds)
        if not answer.done():
            raise RequestTimeout(f"$JS.API.STREAM.INFO.{self._reader.stream}", seconds)
        return answer.result()

    def _ask(self) -> None:
        answer, self._gathering = self._gathering, None
        if answer is not None:
            self.questions += 1
            self._asking = asyncio.create_task(self._answer(answer))

    async def _answer(self, answer: "asyncio.Future[int]") -> None:
        try:
            answer.set_result(await self._last_sequence())
        except (BusError, KeyError) as error:
            answer.set_exception(error)
        finally:
            self._asking = None
            self._ask()

    async def _last_sequence(self) -> int:
        stream = self._reader.stream
        while True:
            reached = self._reader.reached
            try:
                info = await request_api(self._bus, f"STREAM.INFO.{stream}", {}, QUESTION_SECONDS)
            except RequestTimeout:
                if asyncio.get_running_loop().time() < self._until:
                    continue
                raise
            last = int(info["state"]["last_seq"])
            if last < reached:
                raise StreamWentBack(stream, last, reached)
            return last


def _note_failure(answer: "asyncio.Future[int]") -> None:
    """Mark the failure as seen: those who waited may all have given up."""
    if not answer.cancelled():
        answer.exception()
