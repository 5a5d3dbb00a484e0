"""EDGE the store's subjects: replay, history, last and position requests in, answers out.

Each request passes the barrier of the streams it needs, so a message whose ack somebody saw
before the request was sent is always in the answer.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable

from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.service import Service
from schemas.messages_pb2 import (
    HistoryReply,
    HistoryRequest,
    LastReply,
    LastRequest,
    PositionReply,
    PositionRequest,
    ReplayReply,
    ReplayRequest,
    TopicMessages,
    Want,
)
from schemas.subjects import Subjects
from store.answers import REFUSED, deferred_topic, encode_page, refused_topic
from store.errors import FieldRefused, PositionRefused, TopicRefused
from store.history import asked_topic, plan_history, source_of
from store.leaving import Leaving
from store.position_writer import PositionWriter
from store.positions import check_ends, check_position, position_key
from store.reading import MessageReader
from store.replay import Page, Reply, TopicState, decide_start, page_after
from store.topics import KINDS, Kind, topic_kind
from store.views import Views

MOST_WANTS = 64  # in one replay request
MOST_TOPICS = 10_000  # in one request for last sequences
MOST_POSITIONS = 10_000  # in one request
MOST_REQUESTS = 2000  # at work or waiting (bus/service.py refuses more); 64 wants each
MOST_FILLING = 64  # replies being filled: each may hold page_bytes
BUSY = 503


class StoreService:
    """Answers the store's requests from the views and the streams."""

    def __init__(
        self,
        views: Views,
        messages: MessageReader,
        writer: PositionWriter,
        leaving: Leaving,
        page_messages: int,
        page_bytes: int,
        wait_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.refused_busy = 0  # requests to save positions, of which too many wait
        self.wants = 0
        self.wants_refused = 0
        self.replayed_messages = 0
        self.history_pages = 0
        self.gaps = 0
        self.positions_refused = 0
        self.starts_unsaved = 0  # devices whose first position could not be written
        self._views = views
        self._messages = messages
        self._writer = writer
        self._leaving = leaving
        self._page_messages = page_messages
        self._page_bytes = page_bytes
        self._seconds = wait_seconds
        self._clock = clock
        self._filling = asyncio.Semaphore(MOST_FILLING)
        self._unsaved_log = RareLog("starts_unsaved")

    def serve(self, service: Service, subjects: Subjects) -> None:
        """Begin to answer."""
        rpc = subjects.rpc
        service.serve(
            "replay", rpc("store", "replay"), ReplayRequest, ReplayReply, self.handle_replay
        )
        service.serve(
            "history", rpc("store", "history"), HistoryRequest, HistoryReply, self.handle_history
        )
        service.serve("last", rpc("store", "last"), LastRequest, LastReply, self.handle_last)
        service.serve(
            "position",
            rpc("store", "position"),
            PositionRequest,
            PositionReply,
            self.handle_position,
        )

    async def handle_replay(self, request: ReplayRequest) -> ReplayReply:
        """Answer each want; one that can't be served has an error of its own."""
        _check_count(len(request.wants), MOST_WANTS, "wants")
        self.wants += len(request.wants)
        keys = _position_keys(request.wants)
        late = await self._leaving.unsettled(keys)
        kinds = [
            None if key in late else _kind_or_none(want.topic)
            for want, key in zip(request.wants, keys, strict=True)
        ]
        stored = any(map(_needs_position, request.wants))
        await self._pass_barriers({kind for kind in kinds if kind is not None}, stored)
        async with self._filling:
            seen = _Seen(self._clock())
            pages = [
                self._plan(want, kind, key, seen)
                for want, kind, key in zip(request.wants, kinds, keys, strict=True)
                if kind is not None
            ]
            reply = Reply(pages, self._page_bytes)
            if seen.starts:
                await asyncio.gather(self._fill(reply), self._keep_starts(seen.starts))
            else:
                await self._fill(reply)
        answers = iter(pages)
        return ReplayReply(
            topics=[
                self._refuse(want, key in late) if kind is None else encode_page(next(answers))
                for want, kind, key in zip(request.wants, kinds, keys, strict=True)
            ]
        )

    async def handle_history(self, request: HistoryRequest) -> HistoryReply:
        """Answer one page of history."""
        try:
            topic = asked_topic(request)
        except (TopicRefused, FieldRefused) as refused:
            raise RpcError(REFUSED, str(refused), reason="bad_field") from None
        kind = topic_kind(topic)
        await self._pass_barriers({kind})
        view = self._views.topics[kind]
        most_bytes = min(self._page_bytes, request.most_bytes or self._page_bytes)
        async with self._filling:
            while True:
                state = view.state(topic, self._clock())
                source = source_of(request, state, self._views.conversations)
                page = plan_history(request, view.stream, source)
                await self._fill(Reply([page], most_bytes))
                if page.messages or not page.gone or not page.more:
                    break  # else all of it was deleted on its own, and is forgotten now
        self.history_pages += 1
        return HistoryReply(page=encode_page(page), gone_to=source.gone_to)

    async def handle_last(self, request: LastRequest) -> LastReply:
        """Answer the highest sequence of each topic, 0 for one that has none or is none.

        And where its stream ends and, where the request tells a sequence for each, how many
        messages are above it.
        """
        _check_count(len(request.topics), MOST_TOPICS, "topics")
        kinds = [_kind_or_none(topic) for topic in request.topics]
        await self._pass_barriers({kind for kind in kinds if kind is not None})
        indexes = [self._views.topics[kind].index if kind else None for kind in kinds]
        asked = list(zip(request.topics, indexes, strict=True))
        reply = LastReply(sequences=[index.last(topic) if index else 0 for topic, index in asked])
        reply.ends.extend(self._views.end_of(kind) if kind else 0 for kind in kinds)
        if len(request.after) == len(asked):
            for (topic, index), after in zip(asked, request.after, strict=True):
                reply.counts.append(index.count_after(topic, after) if index else 0)
        return reply

    async def handle_position(self, request: PositionRequest) -> PositionReply:
        """Save positions; answer when they are stored. Bad ones are refused, the others saved."""
        _check_count(len(request.positions), MOST_POSITIONS, "positions")
        if self._writer.is_full:
            self.refused_busy += 1
            raise RpcError(BUSY, "too many positions wait to be written", "later")
        good: list[tuple[str, dict[str, int]]] = []
        reasons: list[str] = []
        for position in request.positions:
            try:
                good.append(check_position(position))
            except PositionRefused as refused:
                reasons.append(str(refused))
        good = await self._within_ends(good, reasons)
        await self._writer.save(good)
        reply = PositionReply(saved=len(good))
        if reasons:
            self.positions_refused += len(reasons)
            words = f"{len(reasons)} of {len(request.positions)} not saved; {reasons[0]}"
            reply.error.code, reply.error.message, reply.error.retry = REFUSED, words, "never"
        return reply

    def _plan(self, want: Want, kind: Kind, key: str, seen: "_Seen") -> Page:
        """Return the page to fill; where a device begins that was never there goes to `seen`."""
        view, topic = self._views.topics[kind], want.topic
        state = seen.states.get(topic)
        if state is None:
            state = seen.states[topic] = view.state(topic, seen.now)
        position = self._position(key, topic, seen) if key else None
        start = decide_start(want, position, state)
        if key and position is None and kind != "MEMBER":
            seen.starts.setdefault(key, {})[topic] = start.after
        self.gaps += start.gap_to > 0
        return page_after(view.stream, state, start, self._page_messages)

    def _position(self, key: str, topic: str, seen: "_Seen") -> int | None:
        """Return where a device is, by what is stored and by what is being stored."""
        known = seen.devices.get(key)
        if known is None:
            known = seen.devices[key] = self._views.positions.table.topics(key)
        stored = known.get(topic)
        coming = self._writer.unwritten(key, topic)
        if stored is None or coming is None:
            return coming if stored is None else stored
        return max(stored, coming)

    async def _keep_starts(self, starts: dict[str, dict[str, int]]) -> None:
        """Save where devices begin, so that one which is cut off at once has missed what follows.

        A member's topic needs none: who was never there gets all of it anyway.
        """
        if not starts:
            return
        if self._writer.is_full:
            self.starts_unsaved += len(starts)
            return
        try:
            await self._writer.save(list(starts.items()))
        except BusError as error:  # what is live must not wait for a disk
            self.starts_unsaved += len(starts)
            self._unsaved_log.warning(devices=len(starts), error=str(error))

    async def _fill(self, reply: Reply) -> None:
        while reads := reply.next_reads():
            keys = [(page.stream, sequence) for page, sequence in reads]
            reply.take(reads, await self._messages.read(keys))
        for page in reply.pages:
            self.replayed_messages += len(page.messages)
            for sequence in page.gone:
                self._forget(page.topic, sequence)

    def _forget(self, topic: str, sequence: int) -> None:
        self._views.topics[topic_kind(topic)].discard(topic, sequence)

    async def _within_ends(
        self, positions: list[tuple[str, dict[str, int]]], reasons: list[str]
    ) -> list[tuple[str, dict[str, int]]]:
        """Return those that no stream ends before; the others' reasons are added."""
        if any(self._is_past_end(topics) for _, topics in positions):
            await self._pass_barriers(KINDS)
        good = []
        for key, topics in positions:
            try:
                check_ends(topics, self._views.end_of)
                good.append((key, topics))
            except PositionRefused as refused:
                reasons.append(str(refused))
        return good

    def _is_past_end(self, topics: dict[str, int]) -> bool:
        try:
            check_ends(topics, self._views.end_of)
        except PositionRefused:
            return True
        return False

    async def _pass_barriers(self, kinds: Collection[Kind], positions: bool = False) -> None:
        barriers = [self._views.topics[kind].barrier for kind in kinds]
        if positions:
            barriers.append(self._views.positions.barrier)
        if len(barriers) == 1:
            await barriers[0].wait(self._seconds)
        elif barriers:
            await asyncio.gather(*[barrier.wait(self._seconds) for barrier in barriers])

    def _refuse(self, want: Want, late: bool) -> TopicMessages:
        if late:
            return deferred_topic(want.topic)
        self.wants_refused += 1
        return refused_topic(want.topic, str(TopicRefused(want.topic)))


def _check_count(count: int, most: int, name: str) -> None:
    if count > most:
        raise RpcError(REFUSED, f"{count} {name} in one request, at most {most}")


def _kind_or_none(topic: str) -> Kind | None:
    try:
        return topic_kind(topic)
    except TopicRefused:
        return None


def _needs_position(want: Want) -> bool:
    return not want.has_after and not want.newest and want.mid > 0 and bool(want.device)


def _position_keys(wants: Iterable[Want]) -> list[str]:
    """Return the keys of the positions that the replays start from, `""` for one without."""
    known: dict[tuple[int, str], str] = {}
    keys = []
    for want in wants:
        key = ""
        if _needs_position(want):
            device = want.mid, want.device
            if device not in known:
                known[device] = _position_key(*device)
            key = known[device]
        keys.append(key)
    return keys


def _position_key(mid: int, device: str) -> str:
    try:
        return position_key(mid, device)
    except PositionRefused:
        return ""


class _Seen:
    """What was looked up for one request, whose wants share topics and devices."""

    __slots__ = ("devices", "now", "starts", "states")

    def __init__(self, now: float) -> None:
        self.now = now
        self.states: dict[str, TopicState] = {}
        self.devices: dict[str, dict[str, int]] = {}  # positions as stored, by key
        self.starts: dict[str, dict[str, int]] = {}  # of devices that were never there, by key
