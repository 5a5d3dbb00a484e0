"""EDGE devices that are about to leave a gateway: where they are is not known until they have left.

A gateway that ends names them before it closes them, and each again when its last position is
stored, or will never be known. All stores hear that, whoever stores the position.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from bus.connection import Bus
from bus.direct import DirectSubscription
from schemas.messages_pb2 import LeavingNotice
from store.errors import PositionRefused
from store.positions import position_key

HOLD_SECONDS = 0.05  # a request waits so long; what is not known then is asked for again
GIVE_UP_SECONDS = 3.0  # from the first question; gateways give a client 2 s to close
MOST_LEAVING = 200_000


@dataclass(slots=True)
class _Leaver:
    until: float
    left: "asyncio.Future[None]"
    give_up_at: float = 0.0  # 0: nobody has asked yet


class Leaving:
    """The devices that have not left yet."""

    def __init__(self, bus: Bus) -> None:
        self.left = 0
        self.deferred = 0  # times that one was asked for too early
        self.given_up = 0  # asked for, and waited for in vain
        self.unlisted = 0  # there was no place for them: they are not waited for
        self._bus = bus
        self._leavers: dict[str, _Leaver] = {}
        self._subscription: DirectSubscription | None = None

    def start(self) -> None:
        """Begin to listen."""
        subject = self._bus.subjects.rpc("store", "leaving")
        self._subscription = self._bus.subscribe(subject, self._handle)

    def stop(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            self._bus.unsubscribe(self._subscription)

    async def unsettled(self, keys: Iterable[str]) -> set[str]:
        """Wait a little for these devices to leave; return those whose position may still rise."""
        now = asyncio.get_running_loop().time()
        asked = {key: one for key in keys if (one := self._leavers.get(key)) is not None}
        for key, leaver in tuple(asked.items()):
            leaver.give_up_at = leaver.give_up_at or min(leaver.until, now + GIVE_UP_SECONDS)
            if now >= leaver.give_up_at:
                del asked[key]
                self.given_up += 1
                self._settle(key)
        if asked:
            await asyncio.wait([one.left for one in asked.values()], timeout=HOLD_SECONDS)
        late = {key for key, one in asked.items() if not one.left.done()}
        self.deferred += len(late)
        return late

    def _handle(self, _: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        try:
            notice = LeavingNotice.FromString(payload)
            keys = [position_key(one.mid, one.device) for one in notice.devices]
        except (DecodeError, PositionRefused):
            return  # no gateway of ours
        if not notice.seconds:
            for key in keys:
                self.left += self._settle(key)
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        for key in [key for key, one in self._leavers.items() if one.until <= now]:
            self._settle(key)
        for key in keys:
            known, until = self._leavers.get(key), now + notice.seconds
            if known is not None:
                known.until = max(known.until, until)
            elif len(self._leavers) < MOST_LEAVING:
                self._leavers[key] = _Leaver(until, loop.create_future())
            else:
                self.unlisted += 1

    def _settle(self, key: str) -> bool:
        leaver = self._leavers.pop(key, None)
        if leaver is None:
            return False
        leaver.left.set_result(None)
        return True
