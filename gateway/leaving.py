"""EDGE tell the stores which devices are about to leave this gateway, and when each of them has.

A plain client may be back elsewhere before this gateway has seen its FIN. So where it is asked for
meanwhile, a store waits until what it got here is known and stored, or nobody can know it.
"""

from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING

import structlog

from bus.errors import BusError
from gateway.positions import Device, is_counted
from schemas.messages_pb2 import DevicePosition, LeavingNotice

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

log = structlog.get_logger()

DEVICES_IN_A_NOTICE = 500
FLUSH_SECONDS = 0.5  # an end does not wait longer for NATS


class Leaving:
    """The devices that the stores were told of, as long as these do not know that they left."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._told: Counter[Device] = Counter()  # how many connections each has
        self._gone: set[Device] = set()  # those of them whose last socket is closed

    async def announce(self, connections: Iterable["Connection"], seconds: float) -> None:
        """Return when NATS has it that these leave within so long; close them after that."""
        devices = [_device(one) for one in connections if is_counted(one)]
        self._told.update(devices)
        try:
            for start in range(0, len(devices), DEVICES_IN_A_NOTICE):
                self._publish(devices[start : start + DEVICES_IN_A_NOTICE], seconds)
            if devices:
                await self._gateway.bus.flush(FLUSH_SECONDS)
        except BusError as error:
            log.warning("leaving_untold", devices=len(devices), error=str(error))

    def end(self, connection: "Connection") -> None:
        """Its socket is closed: what it has got is noted by now, or never."""
        device = _device(connection)
        if not self._told[device] or not is_counted(connection):
            return
        self._told[device] -= 1
        if not self._told[device]:
            self._gone.add(device)
            self.settle([device])

    def settle(self, devices: Iterable[Device]) -> None:
        """Tell which of these have left: they are gone, and nothing of them is unsaved."""
        positions = self._gateway.positions
        left = [one for one in devices if one in self._gone and not positions.has_unsaved(one)]
        if not left:
            return
        self._gone.difference_update(left)
        try:
            self._publish(left, 0)
        except BusError as error:
            log.warning("leaving_untold", devices=len(left), error=str(error))

    def _publish(self, devices: list[Device], seconds: float) -> None:
        notice = LeavingNotice(
            devices=[DevicePosition(mid=mid, device=device) for mid, device in devices],
            seconds=ceil(seconds),
        )
        bus = self._gateway.bus
        bus.publish(bus.subjects.rpc("store", "leaving"), notice.SerializeToString())


def _device(connection: "Connection") -> Device:
    return connection.session.mid, connection.session.device
