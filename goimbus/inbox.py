"""EDGE what was received and not yet taken by the application: bounded, in order.

When it is full the socket is not read, so that the server notices and keeps the rest. While an
answer is waited for, which stands behind the messages in the socket, it may grow to its hard
bound; past that the answer's own deadline ends the wait.
"""

import asyncio
from collections import deque

from goimbus.messages import Gap, Live, Message

Item = Message | Gap | Live
HARD_FACTOR = 10


class Inbox:
    """A queue with one reader; `get` loses nothing when it is cancelled."""

    def __init__(self, messages: int, size_bytes: int) -> None:
        self._messages = messages
        self._size_bytes = size_bytes
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._space = asyncio.Event()
        self._failure: BaseException | None = None
        self.answers_awaited = 0
        self.paused = asyncio.Event()  # set while the socket is not read

    def put(self, item: Item) -> None:
        """Add an item; never refused, the socket is what is held back."""
        self._items.append(item)
        self._bytes += _size(item)
        self._arrived.set()

    async def get(self) -> Item:
        """Return the next item, or raise what `end` was called with once there is none left."""
        while not self._items:
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        item = self._items.popleft()
        self._bytes -= _size(item)
        self._space.set()
        return item

    def end(self, failure: BaseException) -> None:
        """Let `get` raise this after the last item; the first call counts."""
        self._failure = self._failure or failure
        self._arrived.set()

    async def until_space(self) -> None:
        """Return when more may be read from the socket."""
        while self._full():
            self.paused.set()
            self._space.clear()
            await self._space.wait()
        self.paused.clear()

    def await_answer(self) -> None:
        """Let the socket be read although the buffer is full: an answer is behind it."""
        self.answers_awaited += 1
        self._space.set()

    def stop_awaiting_answer(self) -> None:
        """The answer has come, or nobody waits for it any more."""
        self.answers_awaited -= 1

    def _full(self) -> bool:
        factor = HARD_FACTOR if self.answers_awaited else 1
        return (
            len(self._items) >= factor * self._messages or self._bytes >= factor * self._size_bytes
        )


def _size(item: Item) -> int:
    return len(item.body) if isinstance(item, Message) else 0
