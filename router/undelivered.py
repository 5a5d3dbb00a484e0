"""EDGE `goim.event.undelivered.<mid>`: a stored message found its member away, for push services.

It hears what is stored for members, whoever published it: the routers share that among them. Who
has no session then gets an event, once for each message, however often its push is repeated. An
event can be missing: when no router was connected, or Redis did not answer (counted).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from bus.codec import encode_reply
from bus.connection import Bus
from bus.logs import RareLog
from bus.metrics import Reading
from router.batches import Outcome
from router.directory import Directory
from router.errors import PresenceAway
from router.publisher import Publisher
from router.readings import total
from router.settings import PushSettings
from schemas.headers import FROM, MESSAGE_ID, SEQUENCE, TIME, TO, header_number, header_value
from schemas.messages_pb2 import UndeliveredEvent
from schemas.scoped_ids import given_id
from schemas.subjects import member_topic
from schemas.times import unix_milliseconds

AT_ONCE = 500  # messages whose members are looked for in one round trip
QUEUE = "undelivered"
INT32, INT64 = 2**31, 2**63


class Stored(NamedTuple):
    """A message as it was delivered."""

    mid: int
    operation: int
    headers: bytes | None
    body: bytes


class Undelivered:
    """Looks whether members are there for what is stored for them."""

    def __init__(
        self, bus: Bus, directory: Directory, publisher: Publisher, settings: PushSettings
    ) -> None:
        self.directory = directory
        self.publisher = publisher
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self._bus = bus
        self._waiting: deque[Stored] = deque()
        self._arrived = asyncio.Event()
        self._lost_log = RareLog("undelivered_events_lost")
        self._subscription = None
        if settings.undelivered != "off":
            every = bus.subjects.kept("member.*", "*")
            self._subscription = bus.subscribe(every, self._receive, QUEUE)

    async def run(self) -> None:
        """Make events, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self.step()

    async def step(self) -> None:
        """Look at the oldest messages that wait; return when their events are stored."""
        count = min(len(self._waiting), AT_ONCE)
        messages = [self._waiting.popleft() for _ in range(count)]
        mids = list(dict.fromkeys(message.mid for message in messages))
        try:
            absent = await self.directory.absent_members(mids)
        except PresenceAway as away:
            self._lose("presence_away", count, str(away))
            return
        outcomes = await asyncio.gather(
            *(self._tell(message) for message in messages if message.mid in absent)
        )
        for outcome in outcomes:
            if outcome.error is not None:
                self._lose("not_stored", 1, str(outcome.error))
            else:
                self.counts["events"] += not outcome.duplicate

    def stop(self) -> None:
        """Hear no more."""
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)
            self._subscription = None

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        for name, words in _COUNTERS:
            yield total(f"undelivered_{name}", words, self.counts[name])

    def _receive(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        if len(self._waiting) >= self.settings.undelivered_waiting:
            self._lose("too_many", 1, "too many messages wait to be looked at")
            return
        words = subject.decode("utf-8", "replace").split(".")
        mid, operation = _number(words[-3], INT64), _number(words[-1], INT32)
        if not mid or operation is None:
            self.counts["no_member"] += 1  # anybody may publish goim.push.member.x.y
            return
        if header_number(headers, TO) and header_number(headers, FROM) == mid:
            return  # what the member sent himself
        body = payload if self.settings.undelivered == "body" else b""
        self._waiting.append(Stored(mid, operation, headers, body))
        self._arrived.set()

    async def _tell(self, message: Stored) -> Outcome:
        mid, headers = message.mid, message.headers
        sequence = header_number(headers, SEQUENCE)
        sender = header_number(headers, FROM)
        event = UndeliveredEvent(
            mid=mid,
            operation=message.operation,
            sequence=sequence,
            id=given_id(member_topic(mid), header_value(headers, MESSAGE_ID)),
            body=message.body,
            time_ms=unix_milliseconds(headers, TIME),
            sender=sender if sender < INT64 else 0,
        )
        subject = self._bus.subjects.undelivered_event(mid)
        identity = f"undelivered.{mid}.{sequence}"
        return await self.publisher.store_event(subject, encode_reply(event, True), identity)

    def _lose(self, reason: str, count: int, words: str) -> None:
        self.counts[reason] += count
        self._lost_log.warning(reason=reason, error=words)


def _number(word: str, bound: int) -> int | None:
    is_number = word.isascii() and word.isdigit() and len(word) < 20
    return int(word) if is_number and int(word) < bound else None


_COUNTERS = (
    ("events", "events about messages that found their member away"),
    ("presence_away", "messages not looked at since Redis did not answer"),
    ("not_stored", "events that could not be stored"),
    ("too_many", "messages not looked at since too many were waiting"),
    ("no_member", "messages to what is no member"),
)
