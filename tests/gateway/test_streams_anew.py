"""Streams that lost messages while a gateway runs: their numbers come once more, and are new."""

from typing import Any

from tests.gateway.clients import Closed
from tests.gateway.harness import Harness, running_gateway

ROOM = "room.live.1"
CLIENT: dict[str, Any] = {"mid": 5, "room_id": "live://1", "accepts": [1000]}
WORDS = "the stored messages begin anew: come back"


def lose_messages(harness: Harness, end: int) -> None:
    """Let the streams have nothing above `end`."""
    harness.store.end = end
    for messages in harness.store.topics.values():
        messages[:] = [one for one in messages if one.sequence <= end]
    harness.store._last.clear()
    harness.store.positions.clear()


async def test_who_is_there_comes_back_and_gets_what_has_old_numbers(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, audit_seconds=0.5) as harness:
        plain, ext = await harness.ws(**CLIENT), await harness.ws(**CLIENT, ext=1)
        await harness.settled()
        harness.store.publish(ROOM, b"lost with the stream")
        assert await plain.bodies(1) == [b"lost with the stream"]
        lose_messages(harness, 2)
        assert await plain.closed() == Closed(1001, WORDS)
        assert await ext.closed() == Closed(1001, WORDS)
        await harness.emptied()
        again = await harness.ws(**CLIENT, ext=1, resume={"rooms": {"live://1": 101}})
        assert await again.until_live("room:live://1") == 2
        assert harness.store.publish(ROOM, b"new under an old number") == 3
        assert await again.bodies(1) == [b"new under an old number"]


async def test_only_those_go_whose_topics_were_further(nats_url: str, prefix: str) -> None:
    async with running_gateway(nats_url, prefix, audit_seconds=0.5) as harness:
        stays = await harness.tcp(**CLIENT)
        await harness.settled()
        audits = len(harness.store.audits)
        for _ in range(20):
            harness.store.publish(ROOM, b"more")
        assert await stays.bodies(20) == [b"more"] * 20
        await harness.is_true(lambda: len(harness.store.audits) > audits + 3)
        harness.store.publish(ROOM, b"still here")
        assert await stays.bodies(1) == [b"still here"]
