"""EDGE Redis: how fast is sent, over all routers; without Redis, over this one.

Questions are asked in the order they came, as many at once as wait: one round trip at a time.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from bus.limits import OF_ROUTER, Excess, LimitModes
from bus.metrics import Reading
from router.admission import Bucket, take_tokens
from router.errors import PresenceAway, RateExceeded
from router.readings import PREFIX, total
from router.redis_link import RedisLink
from router.rows import PresenceKeys

log = structlog.get_logger()

SCRIPT = (Path(__file__).parent / "lua" / "rates.lua").read_text()
MOST_AT_ONCE = 500  # questions in one run of the script
LOCAL_BUCKETS = 100_000  # kept while Redis is away; the longest unused go first
MICROSECONDS = 1_000_000
NUMBERS_OF_AN_ANSWER = 3

Buckets = Sequence[Bucket]
OnTaken = Callable[[RateExceeded | None], None]


class _Question(NamedTuple):
    buckets: Buckets
    on_taken: OnTaken


class _Answer(NamedTuple):
    wait: float  # seconds; 0: tokens were taken
    refused_by: int  # the bucket, from 1
    dry: int  # a bit for each bucket that was empty and refuses nothing


class Rates:
    """Takes tokens for senders. Make it inside a running loop; `close` ends its task."""

    def __init__(
        self, redis: RedisLink, keys: PresenceKeys, modes: LimitModes | None = None
    ) -> None:
        self.redis = redis
        self.keys = keys
        self.excess = Excess(modes or LimitModes(), OF_ROUTER, PREFIX)
        self.counts: Counter[str] = Counter()
        self._questions: deque[_Question] = deque()
        self._local: OrderedDict[str, float] = OrderedDict()
        self._asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(_log_end)

    def take(self, buckets: Buckets, on_taken: OnTaken) -> None:
        """Take a token from each bucket, or from none where one of them has none.

        Calls `on_taken` once, later and in the order of the calls, with why not or None.
        """
        self._questions.append(_Question(buckets, on_taken))
        self._asked.set()

    def close(self) -> None:
        """End; what was not answered never will be."""
        self._task.cancel()

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        for name, words in (
            ("rates_taken", "messages within the rates"),
            ("rates_exceeded", "messages over a rate"),
            ("rates_local", "messages whose rates were judged without Redis"),
        ):
            yield total(name, words, self.counts[name])
        yield from self.excess.readings()

    async def _run(self) -> None:
        while True:
            if not self._questions:
                self._asked.clear()
                await self._asked.wait()
            number = min(len(self._questions), MOST_AT_ONCE)
            questions = [self._questions.popleft() for _ in range(number)]
            answers = await self._ask([question.buckets for question in questions])
            for question, answer in zip(questions, answers, strict=True):
                self._loop.call_soon(question.on_taken, self._judge(question.buckets, answer))

    def _judge(self, buckets: Buckets, answer: _Answer) -> RateExceeded | None:
        for number, bucket in enumerate(buckets):
            if answer.dry >> number & 1:
                self.excess.refuses(bucket.limit)
        if not answer.refused_by:
            self.counts["rates_taken"] += 1
            return None
        limit = buckets[answer.refused_by - 1].limit
        self.counts["rates_exceeded"] += 1
        self.excess.refuses(limit)
        return RateExceeded(answer.wait, limit)

    async def _ask(self, asked: list[Buckets]) -> list[_Answer]:
        if self.redis.cooling():
            return self._ask_locally(asked)
        arguments: list[str | int] = []
        for buckets in asked:
            arguments.append(len(buckets))
            for bucket in buckets:
                interval = max(int(bucket.interval * MICROSECONDS), 1)
                dry = int(self._is_dry(bucket))
                arguments += (self.keys.rate(bucket.name), interval, bucket.burst, dry)
        try:
            numbers = await self.redis.run_one("EVAL", SCRIPT, 0, *arguments)
        except PresenceAway:
            return self._ask_locally(asked)
        rows = zip(*[iter(numbers)] * NUMBERS_OF_AN_ANSWER, strict=True)
        return [_Answer(wait / MICROSECONDS, by, dry) for wait, by, dry in rows]

    def _ask_locally(self, asked: list[Buckets]) -> list[_Answer]:
        self.counts["rates_local"] += len(asked)
        now = self._loop.time()
        answers = []
        for buckets in asked:
            full_at = [self._local.pop(bucket.name, now) for bucket in buckets]
            dry = [self._is_dry(bucket) for bucket in buckets]
            taken = take_tokens(full_at, now, buckets, dry)
            self._local.update(zip((one.name for one in buckets), taken.full_at, strict=True))
            answers.append(_Answer(taken.wait, taken.refused_by, taken.dry))
        while len(self._local) > LOCAL_BUCKETS:
            self._local.popitem(last=False)
        return answers

    def _is_dry(self, bucket: Bucket) -> bool:
        return self.excess.modes.is_dry(bucket.limit)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("rates_failed", exc_info=task.exception())
