"""EDGE into the cache: what nats-server republishes as it is stored is what devices miss next.

A subscription beside the views, which read headers alone. It may lose some, as core NATS does:
those are read from the stream when somebody asks for them.
"""

import asyncio

from bus.connection import Bus
from bus.direct import DirectSubscription, OnMessage
from schemas.headers import SEQUENCE, header_number
from store.cache import MessageCache
from store.message import encode_message, push_head
from store.topics import KINDS, Kind

_TOPICS: dict[Kind, str] = {"ROOM": "room.*.*", "MEMBER": "member.*", "ALL": "all"}


class Arrivals:
    """Fills a cache with the messages of all streams as they come."""

    def __init__(self, bus: Bus, cache: MessageCache) -> None:
        self.messages = 0  # that came and were readable
        self._bus = bus
        self._cache = cache
        self._head = push_head(bus.subjects)
        self._subscriptions: list[DirectSubscription] = []

    def start(self) -> None:
        """Begin to listen, unless the cache has no place for anything."""
        if not self._cache.most_bytes:
            return
        for kind in KINDS:
            subject = self._bus.subjects.kept(_TOPICS[kind], "*")
            stream = self._bus.subjects.stream(kind)
            self._subscriptions.append(self._bus.subscribe(subject, self._handler(stream)))

    def stop(self) -> None:
        """Listen no more."""
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        self._subscriptions.clear()

    def _handler(self, stream: str) -> OnMessage:
        cache, head = self._cache, self._head
        now = asyncio.get_running_loop().time

        def handle(_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            sequence = header_number(headers, SEQUENCE)
            if not sequence or headers is None:
                return
            message = encode_message(head, sequence, headers, payload)
            if message is not None:
                self.messages += 1
                cache.append((stream, sequence), message, now())

        return handle
