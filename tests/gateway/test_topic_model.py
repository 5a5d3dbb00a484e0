"""Any order of losses, repeats, joins, blocks and repairs: each wanted message once and in order.

The model is a list of what was published. What a topic asks of the store is answered from it, and
the answer is often used only some steps later, as on a real network.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gateway.fanout import Delivery
from gateway.receiver import Behind
from gateway.settings import Limits
from gateway.topic import Arrival, Topic
from tests.gateway.receivers import ALL_KINDS, FakeReceiver

LIMITS = Limits(recent_messages=3)
PAGE_MESSAGES = 2
picks = st.integers(0, 5)


@dataclass
class Published:
    """A message as nats-server sends it."""

    delivery: Delivery
    last_sequence: int


@dataclass
class Client:
    """A connection, where it began, and how far it is."""

    receiver: FakeReceiver
    start: int
    joined_casts: int
    position: int
    catching_up: bool = True
    more: bool = False
    casts_from: int = 0
    page: tuple[list[Delivery], int, bool] | None = None
    casts_lost: int = 0


@dataclass
class World:
    """Everything beside the topic."""

    published: list[Published] = field(default_factory=list)
    casts: list[Delivery] = field(default_factory=list)
    end: int = 0
    last_by_operation: Counter[int] = field(default_factory=Counter)
    clients: list[Client] = field(default_factory=list)

    def stored_above(self, sequence: int) -> list[Delivery]:
        found = [one.delivery for one in self.published]
        return [one for one in found if one.sequence > sequence]


class TopicMachine(RuleBasedStateMachine):
    """Losses of any message, one operation: the sequence before each betrays them."""

    operations: ClassVar[tuple[int, ...]] = (1,)
    loses_always = True  # else only while NATS is away
    blocks = True
    in_order = True
    is_room = True

    def __init__(self) -> None:
        super().__init__()
        room = "live://1" if self.is_room else ""
        self.topic = Topic("t", "label", room, LIMITS, keeps_recent=self.is_room)
        self.world = World()
        self.repair: tuple[list[Delivery], int] | None = None
        self.audit: tuple[int, int, int] | None = None
        self.numbers = 0

    @initialize(kind=st.sampled_from(ALL_KINDS), in_hurry=st.booleans())
    def somebody_is_live(self, kind: int, in_hurry: bool) -> None:
        self.join(0, kind, set(self.operations))
        self.ask_store(0)
        if not in_hurry:
            self.take_page(0)

    @rule(
        operation=picks,
        lost=st.booleans(),
        elsewhere=st.integers(0, 2),
        sender=st.integers(0, 3),
        at_once=st.booleans(),
    )
    def publish(
        self, operation: int, lost: bool, elsewhere: int, sender: int, at_once: bool
    ) -> None:
        world = self.world
        world.end += 1 + elsewhere  # other topics share the stream
        chosen = self.operations[operation % len(self.operations)]
        delivery = Delivery(world.end, chosen, b"%d" % world.end, sender)
        message = Published(delivery, world.last_by_operation[chosen])
        world.last_by_operation[chosen] = world.end
        world.published.append(message)
        if not lost or not (self.loses_always or self.topic.suspended):
            self.arrive(message, at_once)

    @precondition(lambda self: self.world.published)
    @rule(pick=picks, at_once=st.booleans())
    def repeat(self, pick: int, at_once: bool) -> None:
        self.arrive(self.world.published[-1 - pick % len(self.world.published)], at_once)

    @rule(operation=picks, at_once=st.booleans())
    def publish_cast(self, operation: int, at_once: bool) -> None:
        chosen = self.operations[operation % len(self.operations)]
        delivery = Delivery(0, chosen, b"c%d" % len(self.world.casts))
        self.world.casts.append(delivery)
        self.deliver(delivery, at_once)

    @rule()
    def flush(self) -> None:
        for behind in self.topic.flush():
            self.fall_behind(behind)

    @rule(
        back=st.integers(0, 9),
        kind=st.sampled_from(ALL_KINDS),
        accepts=st.sets(st.sampled_from((1, 2, 3))),
    )
    def join(self, back: int, kind: int, accepts: set[int]) -> None:
        self.numbers += 1
        receiver = FakeReceiver(self.numbers, kind, tuple(accepts))
        start, casts = max(0, self.world.end - back), len(self.world.casts)
        client = Client(receiver, start, casts, start, casts_from=casts)
        self.topic.start_catching_up()
        self.world.clients.append(client)

    @precondition(lambda self: self.world.clients)
    @rule(pick=picks)
    def ask_store(self, pick: int) -> None:
        client = self.client(pick)
        if client.catching_up and client.page is None and not client.receiver.blocked:
            found = self.world.stored_above(client.position)
            more = len(found) > PAGE_MESSAGES
            reached = found[PAGE_MESSAGES - 1].sequence if more else self.world.end
            client.page = (found[:PAGE_MESSAGES], reached, more)

    @precondition(lambda self: self.world.clients)
    @rule(pick=picks)
    def take_page(self, pick: int) -> None:
        client = self.client(pick)
        if client.page is not None:
            (messages, reached, client.more), client.page = client.page, None
            self.topic.send_to(client.receiver, messages, client.position)
            client.position = max(client.position, reached)
            self.go_live(client)

    @precondition(lambda self: self.blocks and self.world.clients)
    @rule(pick=picks)
    def block(self, pick: int) -> None:
        self.client(pick).receiver.blocked = True

    @precondition(lambda self: self.world.clients)
    @rule(pick=picks)
    def unblock(self, pick: int) -> None:
        client = self.client(pick)
        if client.receiver.blocked:
            client.receiver.blocked = False
            self.go_live(client)

    @precondition(lambda self: len(self.world.clients) > 2)
    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        client = self.client(pick)
        self.world.clients.remove(client)
        if client.catching_up:
            self.topic.stop_catching_up()
        else:
            self.topic.drop(client.receiver)

    @precondition(lambda self: self.topic.incomplete and self.repair is None)
    @rule()
    def start_repair(self) -> None:
        after = self.topic.start_repair()
        self.repair = (self.world.stored_above(after), self.world.end)

    @precondition(lambda self: self.repair is not None)
    @rule()
    def finish_repair(self) -> None:
        assert self.repair is not None
        (stored, reached), self.repair = self.repair, None
        self.topic.repair(stored, reached)

    @rule()
    def nats_goes_away(self) -> None:
        self.topic.suspend()
        self.audit = None

    @precondition(lambda self: self.topic.base is not None)
    @rule()
    def ask_for_last(self) -> None:
        checked = self.topic.checked
        last = max(self.world.last_by_operation.values(), default=0)
        self.audit = (checked, last, len(self.world.stored_above(checked)))

    @precondition(lambda self: self.audit is not None and self.repair is None)
    @rule()
    def take_last(self) -> None:
        assert self.audit is not None
        (checked, last, count), self.audit = self.audit, None
        if not self.topic.incomplete:
            self.topic.confirm(last, count if checked == self.topic.checked else None)

    @invariant()
    def nobody_has_got_anything_wrong(self) -> None:
        for client in self.world.clients:
            stored = stored_of(client)
            assert len(set(stored)) == len(stored)
            assert set(stored) <= set(self.wanted(client))
            for operation in self.operations:
                chain = [one for one in stored if self.operation_of(one) == operation]
                assert chain == sorted(chain)
            if self.in_order:
                assert stored == sorted(stored)
            casts = casts_of(client)
            assert len(set(casts)) == len(casts)
            assert set(casts) <= {one.body for one in self.world.casts[client.joined_casts :]}

    def teardown(self) -> None:
        for _ in range(len(self.world.published) + 4):
            self.bring_up_to_date()
            self.nobody_has_got_anything_wrong()
        for client in self.world.clients:
            assert not client.catching_up
            assert sorted(stored_of(client)) == self.wanted(client)
            missing = self.casts_wanted(client) - set(casts_of(client))
            assert len(missing) <= client.casts_lost

    def bring_up_to_date(self) -> None:
        """Every question is asked and answered, and nobody is slow any more."""
        self.repair = self.audit = None
        if self.topic.base is not None:
            self.ask_for_last()
            self.take_last()
        if self.topic.incomplete:
            self.start_repair()
            self.finish_repair()
        self.flush()
        for number in range(len(self.world.clients)):
            self.unblock(number)
            self.ask_store(number)
            self.take_page(number)

    def arrive(self, message: Published, at_once: bool) -> None:
        if self.topic.arrive(message.delivery, message.last_sequence) is Arrival.NEW:
            self.deliver(message.delivery, at_once)

    def deliver(self, delivery: Delivery, at_once: bool) -> None:
        if not (at_once and self.topic.send_at_once(delivery)):
            self.topic.append(delivery)

    def client(self, pick: int) -> Client:
        return self.world.clients[pick % len(self.world.clients)]

    def fall_behind(self, behind: Behind) -> None:
        client = next(one for one in self.world.clients if one.receiver is behind.receiver)
        client.catching_up = True
        client.position, client.casts_from = behind.position, behind.casts
        client.more = False
        self.topic.start_catching_up()

    def go_live(self, client: Client) -> None:
        if client.more or not client.catching_up or client.page is not None:
            return
        if self.topic.base is None:
            self.topic.settle(client.position)
        self.flush()
        if not client.receiver.blocked and self.topic.can_go_live(client.position):
            client.casts_lost += self.topic.go_live(
                client.receiver, client.position, client.casts_from
            )
            self.topic.stop_catching_up()
            client.catching_up = False

    def wanted(self, client: Client) -> list[int]:
        return [
            one.sequence
            for one in self.world.stored_above(client.start)
            if one.sender != client.receiver.number
            and (self.is_room or one.operation in client.receiver.accepts)
        ]

    def casts_wanted(self, client: Client) -> set[bytes]:
        return {
            one.body
            for one in self.world.casts[client.joined_casts :]
            if self.is_room or one.operation in client.receiver.accepts
        }

    def operation_of(self, sequence: int) -> int:
        found = (one.delivery for one in self.world.published)
        return next(one.operation for one in found if one.sequence == sequence)


def stored_of(client: Client) -> list[int]:
    return [int(body) for body in client.receiver.bodies if body[:1] != b"c"]


def casts_of(client: Client) -> list[bytes]:
    return [body for body in client.receiver.bodies if body[:1] == b"c"]


class MemberMachine(TopicMachine):
    """The same where `accepts` filters and nothing is kept for long."""

    is_room = False


class OutageMachine(TopicMachine):
    """Several operations, losses while NATS is away: all of it stays in order."""

    operations = (1, 2, 3)
    loses_always = False


class ScatteredLossMachine(TopicMachine):
    """Several operations, losses at any time: an audit that counts finds them, late."""

    operations = (1, 2)
    in_order = False
    blocks = False


THOROUGH = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
for machine in (TopicMachine, MemberMachine, OutageMachine, ScatteredLossMachine):
    machine.TestCase.settings = THOROUGH
TestTopic = TopicMachine.TestCase
TestMember = MemberMachine.TestCase
TestOutage = OutageMachine.TestCase
TestScatteredLoss = ScatteredLossMachine.TestCase
