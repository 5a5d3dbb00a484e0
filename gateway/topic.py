"""DECIDE how the messages of one topic reach the connections that hold it: in order, each once.

For each topic a connection is either *live*, written to as messages come, or *catching up* from a
sequence, which the store serves page by page (catch_up.py). It goes live when it has reached what
the topic keeps in `recent`. A connection that does not read falls back to catching up, so nobody
is buffered for without bound.

    append() ──► pending ──flush()──► live connections          recent: the last messages
                                          │ blocked                   │
                                          ▼                           ▼
                                     catching up ──store, then── go_live()

Losses are seen by `Nats-Last-Sequence`, the sequence before this one on the same subject: when it
is one that never came, `append` says GAP and the repair reads the missing ones from the store.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import Protocol

from gateway.fanout import KINDS, Delivery, encode_deliveries


class Receiver(Protocol):
    """What a topic needs to know of a connection."""

    kind: int
    blocked: bool
    number: int

    @property
    def accepts(self) -> frozenset[int]:
        """The operations of member, key and all pushes that it takes."""

    def send(self, data: bytes, messages: int) -> None:
        """Write now."""


class Arrival(Enum):
    """What a message from NATS is to its topic."""

    NEW = auto()  # the caller gives it to `append`
    REPEATED = auto()  # had already: dropped
    GAP = auto()  # some before it are missing: the caller repairs, it waits in `held`
    HELD = auto()  # waits behind a gap


class Topic:
    """One room, member or `all` on this gateway. `label` is its name for `ext` clients."""

    __slots__ = (
        "_encoded",
        "base",
        "catching_up",
        "evicted_index",
        "evicted_to",
        "held",
        "index",
        "keeps_recent",
        "label",
        "last_by_operation",
        "live",
        "name",
        "pending",
        "received",
        "recent",
        "recent_bytes",
        "room",
        "sent",
        "subscription",
        "top_floor",
    )

    def __init__(self, name: str, label: str, room: str) -> None:
        self.name = name
        self.label = label
        self.room = room  # its id; "" for a member or `all`, where `accepts` filters
        self.live: dict[Receiver, int] = {}  # to the sequence it got from the store already, or 0
        self.top_floor = 0  # the highest of these
        self.catching_up = 0
        self.base: int | None = None  # complete up to here; None before the store was asked
        self.received = 0
        self.sent = 0
        self.last_by_operation: dict[int, int] | None = None
        self.pending: list[Delivery] = []
        self.held: list[Delivery] | None = None  # behind a gap that is being repaired
        self.keeps_recent = bool(room)
        self.recent: deque[Delivery] | None = None
        self.recent_bytes = 0
        self.index = 0  # messages so far: the index of the next one
        self.evicted_index = 0  # `recent` holds all from this index on ...
        self.evicted_to = 0  # ... and all stored ones above this sequence
        self.subscription: object | None = None
        self._encoded: list[bytes | None] = [None] * KINDS

    @property
    def held_by_nobody(self) -> bool:
        """True when the last connection has left."""
        return not self.live and not self.catching_up

    def arrive(self, delivery: Delivery, last_sequence: int) -> Arrival:
        """Judge a kept message; a NEW one still has to be given to `append`."""
        sequence = delivery.sequence
        if self.held is not None:
            self.held.append(delivery)
            return Arrival.HELD
        if sequence <= self.received:
            return Arrival.REPEATED
        if self.base is not None and last_sequence > self.known(delivery.operation):
            self.held = [delivery]
            return Arrival.GAP
        return Arrival.NEW

    def known(self, operation: int) -> int:
        """The sequence up to which nothing of this operation is missing."""
        of_operation = (self.last_by_operation or {}).get(operation, 0)
        return max(of_operation, self.base or 0)

    def append(self, delivery: Delivery, recent_messages: int, recent_bytes: int) -> bool:
        """Queue a message for the next flush; True when it is the first in the queue."""
        first = not self.pending
        self.pending.append(delivery)
        sequence = delivery.sequence
        if sequence:
            self.received = max(self.received, sequence)
            if self.base is not None:
                if self.last_by_operation is None:
                    self.last_by_operation = {}
                self.last_by_operation[delivery.operation] = sequence
        self.index += 1
        if self.keeps_recent or self.catching_up:
            if self.recent is None:
                self.recent = deque()
            self.recent.append(delivery)
            self.recent_bytes += len(delivery.body)
            while len(self.recent) > recent_messages or self.recent_bytes > recent_bytes:
                self._evict()
        else:
            self.evicted_index = self.index
            self.evicted_to = max(self.evicted_to, sequence)
        return first

    def flush(self) -> list[tuple[Receiver, int]]:
        """Write what is pending to all live connections.

        Returns those that are blocked, no longer live now, with the sequence each has.
        """
        deliveries, self.pending = self.pending, []
        if not deliveries:
            return []
        before, self.sent = self.sent, self.received
        first = next((one.sequence for one in deliveries if one.sequence), 0)
        shared = first > self.top_floor or not first
        if first > self.top_floor:
            self.top_floor = 0
        has_all_to = min(before, first - 1) if first else before  # a repaired one may be older
        senders = {one.sender for one in deliveries if one.sender}
        self._encoded = [None] * KINDS
        behind: list[tuple[Receiver, int]] = []
        operations = None if self.room else frozenset(one.operation for one in deliveries)
        for receiver, floor in self.live.items():
            if receiver.blocked:
                behind.append((receiver, max(floor, has_all_to)))
            elif (
                shared
                and receiver.number not in senders
                and (operations is None or operations <= receiver.accepts)
            ):
                receiver.send(self._shared(deliveries, receiver.kind), len(deliveries))
            else:
                self.send_to(receiver, deliveries, floor)
        for receiver, _ in behind:
            del self.live[receiver]
        return behind

    def send_to(self, receiver: Receiver, deliveries: Iterable[Delivery], floor: int) -> None:
        """Write those messages that this connection has not got and is to get."""
        chosen = [one for one in deliveries if self.wants(receiver, one, floor)]
        if chosen:
            receiver.send(encode_deliveries(chosen, receiver.kind, self.label), len(chosen))

    def wants(self, receiver: Receiver, delivery: Delivery, floor: int) -> bool:
        """Tell whether a connection that has all up to `floor` is to get this message."""
        if delivery.sequence and delivery.sequence <= floor:
            return False
        if delivery.sender and delivery.sender == receiver.number:
            return False
        return bool(self.room) or delivery.operation in receiver.accepts

    def can_go_live(self, reached: int) -> bool:
        """Tell whether `recent` joins without a hole to a connection that has all up to there."""
        return self.evicted_to <= reached

    def go_live(self, receiver: Receiver, reached: int, joined_index: int) -> int:
        """Send what came while the connection was catching up; from now on it is live.

        `pending` must have been flushed. Returns how many cast messages it missed meanwhile.
        """
        recent = self.recent or ()
        skip = max(0, joined_index - self.evicted_index)
        chosen = [
            one
            for number, one in enumerate(recent)
            if (one.sequence or number >= skip) and self.wants(receiver, one, reached)
        ]
        if chosen:
            receiver.send(encode_deliveries(chosen, receiver.kind, self.label), len(chosen))
        if self.base is None:
            self.base = reached
            if reached > self.received:
                self.received = self.sent = reached
                self.evicted_to = max(self.evicted_to, reached)
        floor = reached if reached > self.sent else 0
        self.top_floor = max(self.top_floor, floor)
        self.live[receiver] = floor
        return max(0, self.evicted_index - joined_index)

    def position(self, receiver: Receiver) -> int | None:
        """The sequence up to which a live connection was written to; None when it is not live."""
        floor = self.live.get(receiver)
        return None if floor is None else max(self.sent, floor)

    def stop_catching_up(self) -> None:
        """One connection less that catches up; what only it needed is let go."""
        self.catching_up -= 1
        if not self.catching_up and not self.keeps_recent and self.recent:
            while self.recent:
                self._evict()

    def repair(self, stored: list[Delivery], reached: int) -> list[Delivery]:
        """Take what the store has above `base` up to `reached`; return what was missing, in order.

        What was held behind the gap comes after it. All of it is to be given to `append`.
        """
        held, self.held = self.held or [], None
        lacked = [one for one in (*stored, *held) if one.sequence > self.known(one.operation)]
        missing = {one.sequence: one for one in lacked}
        self.base = max(self.base or 0, reached)
        return [missing[sequence] for sequence in sorted(missing)]

    def confirm(self, last_sequence: int) -> bool:
        """Compare with the store's last sequence of the topic; False: some are missing here."""
        if last_sequence > self.received:
            return False
        if self.held is None and self.base is not None:
            self.base = max(self.base, last_sequence)
        return True

    def _shared(self, deliveries: list[Delivery], kind: int) -> bytes:
        data = self._encoded[kind]
        if data is None:
            data = self._encoded[kind] = encode_deliveries(deliveries, kind, self.label)
        return data

    def _evict(self) -> None:
        assert self.recent is not None
        oldest = self.recent.popleft()
        self.recent_bytes -= len(oldest.body)
        self.evicted_index += 1
        self.evicted_to = max(self.evicted_to, oldest.sequence)
