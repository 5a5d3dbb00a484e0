"""EDGE a push to all with a speed: so many connections a second over the whole cluster.

Every connection falls behind on the topic `all`, and is let to catch up when its turn comes, so
order and exactly-once are those of catching up; only the time is shaped.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.catch_up import CatchUp
    from gateway.gateway import Gateway
    from gateway.topic import Topic

TURN_SECONDS = 0.05


class Pacing:
    """The connections that wait for their turn."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._waiting: deque[CatchUp] = deque()
        self._per_second = 0.0
        self._task: asyncio.Task[None] | None = None

    def pace(self, topic: "Topic", speed: int) -> None:
        """Make the live connections wait for the message that comes next; 0 is no pacing."""
        if speed <= 0:
            return
        gateway = self._gateway
        gateway.flush(topic)
        here = len(gateway.hub.connections)
        everywhere = max(gateway.presence.connections, here, 1)
        self._per_second = max(speed * here / everywhere, 1.0)
        for receiver in list(topic.live):
            position = topic.position(receiver) or 0
            topic.drop(receiver)
            waiting = gateway.catching_up.fall_behind(receiver, topic, position, topic.casts)  # type: ignore[arg-type]
            waiting.asking = True  # nothing but its turn wakes it
            self._waiting.append(waiting)
        if self._waiting and (self._task is None or self._task.done()):
            self._task = gateway.spawn(self._give_turns(), "pacing")

    async def _give_turns(self) -> None:
        turns = 0.0
        while self._waiting:
            turns += self._per_second * TURN_SECONDS
            while turns >= 1 and self._waiting:
                turns -= 1
                one = self._waiting.popleft()
                one.asking = False
                self._gateway.catching_up.resume(one)
            await asyncio.sleep(TURN_SECONDS)
