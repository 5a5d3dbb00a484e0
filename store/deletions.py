"""EDGE what operators delete from the streams: it must not be served from memory any longer.

nats-server tells nobody of a deletion, but who asks for one publishes the request on a known
subject of the account, and a subscription beside nats-server's own hears that too. Where its NATS
user may not hear it, a deleted message is served for as long as the cache keeps it.
"""

import asyncio
from functools import partial
from json import loads

from bus.connection import Bus
from bus.direct import DirectSubscription
from store.cache import MessageCache
from store.topics import KINDS

MOST_SEQUENCE = 2**64 - 1


class Deletions:
    """Erases from a cache what somebody asks JetStream to delete or purge."""

    def __init__(self, bus: Bus, cache: MessageCache) -> None:
        self._bus = bus
        self._cache = cache
        self._subscriptions: list[DirectSubscription] = []

    def start(self) -> None:
        """Begin to listen."""
        for kind in KINDS:
            stream = self._bus.subjects.stream(kind)
            for verb in ("MSG.DELETE", "PURGE"):
                handle = partial(self._handle, stream, verb)
                subscription = self._bus.subscribe(f"$JS.API.STREAM.{verb}.{stream}", handle)
                self._subscriptions.append(subscription)

    def stop(self) -> None:
        """Listen no more."""
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        self._subscriptions.clear()

    def _handle(
        self, stream: str, verb: str, _: bytes, reply: bytes, payload: bytes, headers: bytes | None
    ) -> None:
        first, last = deleted_range(verb, payload)
        self._cache.erase(stream, first, last, asyncio.get_running_loop().time())


def deleted_range(verb: str, payload: bytes) -> tuple[int, int]:
    """Return the sequences that a request may delete: the lowest and the highest.

    A purge names the first that stays, if any. What can't be read counts as all.
    """
    try:
        sequence = loads(payload)["seq"] if payload else 0
    except (ValueError, TypeError, KeyError, RecursionError):
        sequence = 0
    if not isinstance(sequence, int) or sequence <= 0:
        return 0, MOST_SEQUENCE
    return (sequence, sequence) if verb == "MSG.DELETE" else (0, sequence - 1)
