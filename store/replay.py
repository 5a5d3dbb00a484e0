"""DECIDE what a device gets: where it starts, what is gone before that, page by page.

A start is what the device says it has handled, or asks for (the newest n), or what was stored as
its position; a device that was never there gets what the kind of topic gives to newcomers.
"""

from dataclasses import dataclass
from typing import NamedTuple

from schemas.messages_pb2 import Want
from store.index import TopicIndex
from store.topics import Kind

ROUND_MESSAGES = 512  # read at a time, so that a full reply has not read much in vain


class Start(NamedTuple):
    """The replay holds what is above `after`; over 0: messages in (after, gap_to] are gone."""

    after: int
    gap_to: int = 0


@dataclass(frozen=True, slots=True)
class TopicState:
    """What is known of one topic at the moment of the decision."""

    kind: Kind
    topic: str
    index: TopicIndex
    end: int  # the stream has been read up to here
    too_old: int  # all up to here is outside of the room type's replay_seconds; 0: no limit
    first: int  # messages for a device that was never in the room
    lost_to: int  # all up to here went with a stream that was made anew; 0: none did


def decide_start(want: Want, position: int | None, state: TopicState) -> Start:
    """Return where the replay starts. A policy's limit is no gap, the end of retention is one."""
    if want.has_after:
        return _start_after(want.after, state)
    if want.newest:
        return _start_newest(want.newest, state)
    if position is not None:
        return _start_after(position, state)
    return _start_of_newcomer(state)


def _start_after(known: int, state: TopicState) -> Start:
    gone = max(state.index.trimmed_to(state.topic), state.lost_to)
    if known > state.end:  # from another life of the stream: begin again with what there is
        return Start(max(gone, state.too_old))
    after = max(known, state.too_old)
    return Start(after, gone if gone > after else 0)


def _start_newest(count: int, state: TopicState) -> Start:
    newest = state.index.newest(state.topic, count)
    return Start(newest[0] - 1 if newest else state.end)


def _start_of_newcomer(state: TopicState) -> Start:
    if state.kind == "MEMBER":
        return Start(state.index.trimmed_to(state.topic))
    if state.kind == "ROOM" and state.first:
        return _start_newest(state.first, state)
    return Start(state.end)


class Page:
    """One topic's part of a reply: what is to be read, and what was.

    It covers all of the topic in (started_after, reached]. `newest_first` pages go back in time:
    there `more` means older ones, to be asked for with before = started_after + 1.
    """

    def __init__(
        self,
        stream: str,
        topic: str,
        start: Start,
        sequences: list[int],
        end: int,
        more: bool,
        newest_first: bool = False,
    ) -> None:
        self.stream = stream
        self.topic = topic
        self.messages: list[bytes] = []  # encoded, in the order they were read
        self.gone: list[int] = []  # not in the stream any more
        self.gap_to = start.gap_to
        self.newest_first = newest_first
        self._start = start.after
        self._sequences = sequences[::-1] if newest_first else sequences
        self._end = end
        self._more = more
        self._read = 0

    @property
    def left(self) -> int:
        """How many of its messages are still to be read."""
        return len(self._sequences) - self._read

    @property
    def more(self) -> bool:
        """There are messages beyond this page."""
        return self._more or self.left > 0

    @property
    def started_after(self) -> int:
        """The page covers what is above this sequence."""
        if self.newest_first and self.more and self._read:
            return self._sequences[self._read - 1] - 1
        return self._start

    @property
    def reached(self) -> int:
        """The page covers what is up to this sequence."""
        if self.newest_first or not self.more:
            return max(self._end, self._sequences[-1] if self._sequences else 0)
        read = self._sequences[self._read - 1] if self._read else self._start
        return max(read, self.gap_to)

    def next_sequences(self, most: int) -> list[int]:
        """Return the next sequences to read."""
        return self._sequences[self._read : self._read + most]

    def take(self, message: bytes | None) -> None:
        """Take in the next message, None for one that is not there any more."""
        if message is None:
            self.gone.append(self._sequences[self._read])
        else:
            self.messages.append(message)
        self._read += 1

    def in_order(self) -> list[bytes]:
        """Return the messages, oldest first."""
        return self.messages[::-1] if self.newest_first else self.messages


class Reply:
    """The pages of one reply, filled in order of the wants up to a number of bytes.

    At least one message gets in, however long, so that asking again always gets further.
    """

    def __init__(self, pages: list[Page], most_bytes: int) -> None:
        self.pages = pages
        self.full = False
        self.size = 0
        self._most_bytes = most_bytes

    def next_reads(self) -> list[tuple[Page, int]]:
        """Return what to read now; nothing when the reply is complete or full."""
        reads: list[tuple[Page, int]] = []
        if self.full:
            return reads
        for page in self.pages:
            room = ROUND_MESSAGES - len(reads)
            if room <= 0:
                break
            reads.extend((page, sequence) for sequence in page.next_sequences(room))
        return reads

    def take(self, reads: list[tuple[Page, int]], messages: list[bytes | None]) -> None:
        """Take in what was read, None for what is not there, until the reply is full."""
        for (page, _), message in zip(reads, messages, strict=True):
            size = len(message) if message is not None else 0
            if self.size and self.size + size > self._most_bytes:
                self.full = True
                return
            self.size += size
            page.take(message)


def page_after(stream: str, state: TopicState, start: Start, limit: int) -> Page:
    """Return the page of a topic's next messages after a start."""
    found = state.index.after(state.topic, start.after, limit + 1)
    return Page(stream, state.topic, start, found[:limit], state.end, len(found) > limit)
