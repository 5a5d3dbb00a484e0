"""Topics for tests: a room's, a member's, and connections that join and messages that come."""

from gateway.fanout import Delivery
from gateway.settings import Limits
from gateway.topic import Arrival, Topic
from tests.gateway.receivers import FakeReceiver

LIMITS = Limits(recent_messages=4, recent_bytes=1000)


def room_topic() -> Topic:
    return Topic("room.live.1000", "room:live://1000", "live://1000", LIMITS, keeps_recent=True)


def member_topic() -> Topic:
    return Topic("member.5", "member", "", LIMITS, keeps_recent=False)


def settled(topic: Topic, base: int = 0) -> Topic:
    topic.settle(base)
    return topic


def join(topic: Topic, receiver: FakeReceiver, reached: int) -> None:
    """Catch up in no time and go live."""
    topic.start_catching_up()
    casts = topic.casts
    if topic.base is None:
        topic.settle(reached)
    topic.flush()
    assert topic.can_go_live(reached)
    topic.go_live(receiver, reached, casts)
    topic.stop_catching_up()


def arrive(topic: Topic, *deliveries: Delivery, last: int | None = None) -> list[Arrival]:
    """Messages come, each after the one before on its subject unless `last` says otherwise."""
    arrivals = []
    for one in deliveries:
        before = topic._known(one.operation) if last is None else last
        arrivals.append(topic.arrive(one, before))
        if arrivals[-1] is Arrival.NEW:
            topic.append(one)
    return arrivals
