"""EDGE Redis: how fast each member sends, over all routers; without Redis, over this one.

Questions are asked in the order they came, as many at once as wait: one round trip at a time.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import structlog

from bus.metrics import Reading
from router.admission import Bucket, take_token
from router.errors import PresenceAway
from router.readings import total
from router.redis_link import RedisLink
from router.rows import PresenceKeys

log = structlog.get_logger()

SCRIPT = (Path(__file__).parent / "lua" / "rates.lua").read_text()
MOST_AT_ONCE = 500  # questions in one run of the script
LOCAL_BUCKETS = 100_000  # kept while Redis is away; the longest unused go first
MICROSECONDS = 1_000_000


class _Question(NamedTuple):
    bucket: Bucket
    on_wait: Callable[[float], None]


class Rates:
    """Takes tokens for senders. Make it inside a running loop; `close` ends its task."""

    def __init__(self, redis: RedisLink, keys: PresenceKeys) -> None:
        self.redis = redis
        self.keys = keys
        self.counts: Counter[str] = Counter()
        self._questions: deque[_Question] = deque()
        self._local: OrderedDict[str, float] = OrderedDict()
        self._asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(_log_end)

    def take(self, bucket: Bucket, on_wait: Callable[[float], None]) -> None:
        """Call `on_wait` once, later and in the order of the calls, with the seconds to wait.

        0: a token was taken.
        """
        self._questions.append(_Question(bucket, on_wait))
        self._asked.set()

    def close(self) -> None:
        """End; what was not answered never will be."""
        self._task.cancel()

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        for name, words in (
            ("rates_taken", "messages within the rate"),
            ("rates_exceeded", "messages over the rate"),
            ("rates_local", "rates judged without Redis"),
        ):
            yield total(name, words, self.counts[name])

    async def _run(self) -> None:
        while True:
            if not self._questions:
                self._asked.clear()
                await self._asked.wait()
            number = min(len(self._questions), MOST_AT_ONCE)
            questions = [self._questions.popleft() for _ in range(number)]
            waits = await self._ask([question.bucket for question in questions])
            for question, wait in zip(questions, waits, strict=True):
                self.counts["rates_exceeded" if wait > 0 else "rates_taken"] += 1
                self._loop.call_soon(question.on_wait, wait)

    async def _ask(self, buckets: list[Bucket]) -> list[float]:
        if self.redis.cooling():
            return self._ask_locally(buckets)
        arguments: list[str | int] = []
        for bucket in buckets:
            interval = max(int(bucket.interval * MICROSECONDS), 1)
            arguments += (self.keys.rate(bucket.name), interval, bucket.burst)
        try:
            answer = await self.redis.run_one("EVAL", SCRIPT, 0, *arguments)
        except PresenceAway:
            return self._ask_locally(buckets)
        return [wait / MICROSECONDS for wait in answer]

    def _ask_locally(self, buckets: list[Bucket]) -> list[float]:
        self.counts["rates_local"] += len(buckets)
        now = self._loop.time()
        waits = []
        for bucket in buckets:
            full_at, wait = take_token(self._local.pop(bucket.name, now), now, bucket)
            self._local[bucket.name] = full_at
            waits.append(wait)
        while len(self._local) > LOCAL_BUCKETS:
            self._local.popitem(last=False)
        return waits


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("rates_failed", exc_info=task.exception())
