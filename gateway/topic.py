"""DECIDE how the messages of one topic reach the connections that hold it: in order, each once.

For each topic a connection is either *live*, written to as messages come, or *catching up* from a
sequence, which the store serves page by page (catch_up.py). It goes live when it has reached what
the topic keeps in `recent`. A connection that does not read falls back to catching up, so nobody
is buffered for without bound.

    arrive() ──► append() ──► pending ──flush()──► live connections       recent: the last messages
        ├──► send_at_once(), to the only one ─────────►│                       │
        │ gap                                         │ blocked               │
        ▼                                             ▼                       ▼
      held ── settle(), repair(), confirm()      catching up ── store, then go_live()

Losses are seen by `Nats-Last-Sequence`, the sequence before this one on the same subject: when it
is one that never came, the repair reads the missing ones from the store, and what comes is *held*
meanwhile. So it is before the first connection knows where the topic is (`settle`), and after
NATS was away, until the store has said what is missing (`suspend`, `confirm`).
"""

from collections.abc import Iterable
from enum import Enum, auto
from functools import partial

from gateway.fanout import Delivery, encode_deliveries
from gateway.held import Held
from gateway.receiver import Behind, Prepared, Receiver, WriteToAll
from gateway.recent import Recent
from gateway.settings import Limits


class Arrival(Enum):
    """What a message from NATS is to its topic."""

    NEW = auto()  # the caller gives it to `append`
    REPEATED = auto()  # had already: dropped
    HELD = auto()  # waits; the caller looks whether the topic is `incomplete`


class Topic:
    """One room, member or `all` on this gateway. `label` is its name for `ext` clients."""

    __slots__ = (
        "_limits",
        "base",
        "casts",
        "catching_up",
        "checked",
        "held",
        "keeps_recent",
        "label",
        "last_by_operation",
        "live",
        "name",
        "only",
        "pending",
        "prepared",
        "received",
        "recent",
        "room",
        "sent",
        "stragglers",
        "subscription",
        "suspended",
        "top_floor",
        "unconfirmed",
    )

    def __init__(
        self, name: str, label: str, room: str, limits: Limits, keeps_recent: bool
    ) -> None:
        self.name = name
        self.label = label
        self.room = room  # its id; "" for a member or `all`, where `accepts` filters
        self._limits = limits
        # To its floor: what it got from the store already. Only Topic itself changes it.
        self.live: dict[Receiver, int] = {}
        self.only: Receiver | None = None  # of `live`, once it was looked up
        self.prepared: Prepared | None = None
        self.top_floor = 0  # the highest floor that messages to come may be below
        self.catching_up = 0
        self.base: int | None = None  # complete up to here; None before the store was asked
        self.checked = 0  # counted against the store's messages up to here
        self.unconfirmed = 0  # stored messages that came above `checked`
        self.received = 0
        self.sent = 0
        self.stragglers = (0, 0)  # late ones above the first and up to the second are new
        self.last_by_operation: dict[int, int] | None = None
        self.pending: list[Delivery] = []
        self.held: Held | None = Held()
        self.suspended = False
        self.casts = 0  # so far
        self.keeps_recent = keeps_recent
        self.recent: Recent | None = None
        self.subscription: object | None = None

    @property
    def held_by_nobody(self) -> bool:
        """True when the last connection has left."""
        return not self.live and not self.catching_up

    @property
    def is_complete(self) -> bool:
        """True when all that has come is in order, and where the topic began is known."""
        return self.held is None and self.base is not None

    @property
    def reached(self) -> int:
        """The highest sequence that its stream surely had."""
        return max(self.received, self.base or 0)

    @property
    def incomplete(self) -> bool:
        """True when messages are missing: `start_repair`, read the store, `repair`."""
        return self.held is not None and not self.suspended and self.base is not None

    def arrive(self, delivery: Delivery, last_sequence: int) -> Arrival:
        """Judge a kept message; a NEW one still has to be given to `append`."""
        if self.held is not None:
            self.held.append(delivery, last_sequence, self._limits)
            return Arrival.HELD
        known = self._known(delivery.operation)
        if delivery.sequence <= known:
            return Arrival.NEW if self._is_straggler(delivery) else Arrival.REPEATED
        if last_sequence > known:
            self.held = Held()
            self.held.append(delivery, last_sequence, self._limits)
            return Arrival.HELD
        return Arrival.NEW

    def append(self, delivery: Delivery) -> None:
        """Queue a message for the next flush."""
        self.pending.append(delivery)
        self._note(delivery)

    def send_at_once(self, one: Delivery) -> bool:
        """Write a message to the only connection, as it mostly is for members.

        False where it is not so simple: all is left as it was, and the caller appends it.
        """
        if (receiver := self.only) is None:
            if len(self.live) != 1:
                return False
            (receiver,) = self.live
            self.only = receiver
        if self.pending or receiver.blocked or 0 < one.sequence <= max(self.top_floor, self.sent):
            return False
        self._note(one)
        self.sent = self.received
        accepted = self.room or one.operation in receiver.accepts
        if accepted and (not one.sender or one.sender != receiver.number):
            receiver.send(encode_deliveries((one,), receiver.kind, self.label), 1)
        return True

    def _note(self, delivery: Delivery) -> None:
        sequence = delivery.sequence
        if sequence:
            if sequence > self.received:
                self.received = sequence
            if self.last_by_operation is None:
                self.last_by_operation = {}
            self.last_by_operation[delivery.operation] = sequence
            if sequence > self.checked:
                self.unconfirmed += 1
        else:
            self.casts += 1
        if self.recent is not None:
            self.recent.append(delivery)

    def flush(self, write_to_all: WriteToAll | None = None) -> list[Behind]:
        """Write what is pending to all live connections; returns those that are blocked.

        They are no longer live. `write_to_all` is the quick way where all get the same.
        """
        if not self.pending:
            return []
        deliveries, self.pending = self.pending, []
        before, self.sent = self.sent, self.received
        stored = [one.sequence for one in deliveries if one.sequence]
        lowest = min(stored, default=before + 1)
        late = [one for one in deliveries if 0 < one.sequence <= before]
        shared = not late and (lowest > self.top_floor or not stored)
        if stored and lowest > self.top_floor:
            self.top_floor = 0
        blocked: Iterable[Receiver]
        if write_to_all and shared and self.room and not any(one.sender for one in deliveries):
            encode = partial(encode_deliveries, deliveries, label=self.label)
            blocked = write_to_all(self, encode, len(deliveries))
        else:
            blocked = self._send_to_each(deliveries, shared)
        casts = self.casts - len(deliveries) + len(stored)
        behind = []
        for receiver in blocked:
            floor = self.drop(receiver)
            self.send_to(receiver, late, floor)
            behind.append(Behind(receiver, max(floor, before), casts))
        return behind

    def _send_to_each(self, deliveries: list[Delivery], shared: bool) -> list[Receiver]:
        """Send to each what it is to get; return those that are blocked."""
        senders = {one.sender for one in deliveries if one.sender}
        operations = None if self.room else {one.operation for one in deliveries}
        encode = partial(encode_deliveries, deliveries, label=self.label)
        encoded: dict[int, bytes] = {}
        blocked = []
        for receiver, floor in self.live.items():
            if receiver.blocked:
                blocked.append(receiver)
            elif (
                shared
                and receiver.number not in senders
                and (operations is None or operations <= receiver.accepts)
            ):
                data = encoded.get(receiver.kind)
                if data is None:
                    data = encoded[receiver.kind] = encode(receiver.kind)
                receiver.send(data, len(deliveries))
            else:
                self.send_to(receiver, deliveries, floor)
        return blocked

    def send_to(self, receiver: Receiver, deliveries: Iterable[Delivery], floor: int) -> None:
        """Write those messages that this connection has not got and is to get."""
        chosen = [one for one in deliveries if self._wants(receiver, one, floor)]
        if chosen:
            receiver.send(encode_deliveries(chosen, receiver.kind, self.label), len(chosen))

    def start_catching_up(self) -> None:
        """One connection more that catches up; what comes meanwhile is kept for it."""
        self.catching_up += 1
        if self.recent is None:
            self.recent = Recent(self._limits, self.received, self.casts)

    def stop_catching_up(self) -> None:
        """One connection less that catches up; what only it needed is let go."""
        self.catching_up -= 1
        if not self.catching_up and not self.keeps_recent:
            self.recent = None

    @property
    def heard(self) -> int:
        """The highest sequence that has come, held ones included."""
        if self.held is None:
            return self.received
        held = self.held.messages
        return max((one.delivery.sequence for one in held), default=self.received)

    def begin_after(self, heard: int, reached: int) -> int:
        """Where a connection begins that is to get nothing from before it joined.

        The store says how far the stream had `reached` a moment later; what has come since it
        joined, when `heard` was the highest sequence, is new to it all the same.
        """
        if self.held is None and heard >= self.received:
            return reached  # as it mostly is; the rest looks at all that is kept
        held = [one.delivery for one in self.held.messages] if self.held is not None else []
        recent = self.recent.deliveries if self.recent is not None else ()
        since = [one.sequence for one in (*recent, *held) if one.sequence > heard]
        return min(reached, min(since) - 1) if since else reached

    def settle(self, reached: int) -> None:
        """Begin after this sequence, with what came meanwhile."""
        self.received = self.sent = reached
        self._rebase(reached)
        if self.recent is not None:
            self.recent.evicted_to = max(self.recent.evicted_to, reached)
        self._release()

    def can_go_live(self, reached: int) -> bool:
        """Tell whether `recent` joins without a hole to a connection that has all up to there."""
        if self.base is None:
            return False
        return (self.received if self.recent is None else self.recent.evicted_to) <= reached

    def go_live(self, receiver: Receiver, reached: int, casts: int) -> int:
        """Send what came while the connection was catching up; from now on it is live.

        `pending` must have been flushed. Cast messages are sent from number `casts` on; returns
        how many of these are not here any more.
        """
        evicted_casts = self.casts
        if self.recent is not None:
            evicted_casts = self.recent.evicted_casts
            if self.recent.newest > reached or self.casts > casts:
                self.send_to(receiver, self.recent.since(casts), reached)
        self.top_floor = max(self.top_floor, reached)
        self.unprepare()
        self.live[receiver] = reached
        return max(0, evicted_casts - casts)

    def drop(self, receiver: Receiver) -> int:
        """Have a connection live no longer; return its floor, 0 where it was not live."""
        self.unprepare()
        return self.live.pop(receiver, 0)

    def unprepare(self) -> None:
        """Forget what the writer knows: a live connection has changed."""
        self.only = None
        prepared, self.prepared = self.prepared, None
        if prepared is not None:
            prepared.end()

    def expect_stragglers(self, receiver: Receiver, heard: int) -> None:
        """What the store has already counted may still be on its way from nats-server.

        It is new to a connection that began here and had `heard` nothing above that.
        """
        floor = self.live[receiver]
        if heard < floor:
            low, high = self.stragglers
            self.stragglers = (min(low, heard) if high else heard, max(high, floor))
            self.live[receiver] = heard

    def _is_straggler(self, delivery: Delivery) -> bool:
        low, high = self.stragglers
        had = (self.last_by_operation or {}).get(delivery.operation, 0)
        return max(low, had) < delivery.sequence <= high

    def position(self, receiver: Receiver) -> int | None:
        """The sequence up to which a live connection was written to; None when it is not live."""
        floor = self.live.get(receiver)
        return None if floor is None else max(self.sent, floor)

    def start_repair(self) -> int:
        """Return the sequence above which the store is to be read."""
        assert self.held is not None
        assert self.base is not None
        self.held.overflowed = False  # what was too much is in the store
        return self.base

    def repair(self, stored: list[Delivery], reached: int) -> int:
        """Take what the store has above `base` up to `reached`; return how many were missing.

        They and what was held are queued for the next flush.
        """
        waiting = {one.delivery.sequence for one in self.held.messages} if self.held else set()
        missing = [one for one in stored if one.sequence > self._known(one.operation)]
        for one in missing:
            self.append(one)
        if reached >= self.received:
            self._rebase(reached)
        self._release()
        return sum(one.sequence not in waiting for one in missing)

    def suspend(self) -> None:
        """NATS is away: what comes later is held until `confirm`."""
        self.suspended = True
        if self.held is None:
            self.held = Held()

    def confirm(self, last_sequence: int, count: int | None) -> None:
        """Compare with what the store has of the topic; it is `incomplete` when some is missing.

        `count` is how many messages the store has above `checked`; None when it does not say.
        Without it a message can be missing that one of another operation came after.
        """
        self.suspended = False
        if last_sequence > self.received or (count or 0) > self.unconfirmed:
            if self.held is None:
                self.held = Held()
            return
        if count is not None and last_sequence == self.received:
            complete = count == self.unconfirmed  # else retention took some: nobody can tell
            self.checked, self.unconfirmed = last_sequence, 0
            if complete:
                self.base = max(self.base or 0, last_sequence)
        self._release()

    def _known(self, operation: int) -> int:
        """The sequence up to which nothing of this operation is missing."""
        last, base = self.last_by_operation, self.base or 0
        of_operation = last.get(operation, 0) if last else 0
        return of_operation if of_operation > base else base

    def _rebase(self, reached: int) -> None:
        """All up to there is here."""
        self.base = max(self.base or 0, reached)
        self.checked, self.unconfirmed = self.base, 0

    def _release(self) -> None:
        """Queue what was held, up to where some is missing; nothing before `confirm`."""
        if self.suspended:
            return
        held, self.held = self.held, None
        for delivery, last_sequence in held.messages if held is not None else ():
            if self.arrive(delivery, last_sequence) is Arrival.NEW:
                self.append(delivery)
        overflowed = held is not None and held.overflowed
        if self.held is None and overflowed:
            self.held = Held()
        if self.held is not None:
            self.held.overflowed = overflowed

    def _wants(self, receiver: Receiver, delivery: Delivery, floor: int) -> bool:
        """Tell whether a connection that has all up to `floor` is to get this message."""
        if delivery.sequence and delivery.sequence <= floor:
            return False
        if delivery.sender and delivery.sender == receiver.number:
            return False
        return bool(self.room) or delivery.operation in receiver.accepts
