"""EDGE what each device has got for certain, saved in the store in batches.

`ext` clients say so (op 18). For the others the kernel is asked: when nothing that was written is
unacknowledged, all of it has reached the client's kernel; asked at each frame the client sends
and when it closes cleanly (FIN, which a kernel does not send while something is unread), or answers
our close frame. After a reset or silence, and where the gateway itself closes, the last certain
position stands until then, so a message may come twice to such a client, and is never lost.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bus.connection import Reply
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import read_reply
from gateway.kernel import all_acknowledged
from schemas.close_codes import Retry
from schemas.messages_pb2 import DevicePosition, PositionReply, PositionRequest
from schemas.subjects import room_topic

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.gateway import Gateway

log = structlog.get_logger()

SAVE_SECONDS = 1.0
REFUSED_SECONDS = 0.1  # between two tries of a gateway that ends
DEVICES_IN_A_REQUEST = 500
SAVES_IN_FLIGHT = 8  # who leaves does not wait for others' positions to be on a disk
NEVER = Retry.NEVER.value
MOST_UNSAVED_DEVICES = 200_000  # while the store is away; beyond, a device gets messages again
Device = tuple[int, str]


class Positions:
    """The positions of this gateway's devices that the store does not have yet."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._unsaved: dict[Device, dict[str, int]] = {}
        self._saving: list[dict[Device, dict[str, int]]] = []  # a batch for each request
        self._idle = asyncio.Event()
        self._idle.set()
        self._soon = False
        self._again = False  # a device left while as many requests as may be were on their way
        self._unavailable = RareLog("positions_unavailable")

    def certify(self, connection: "Connection") -> None:
        """Note what a plain client has got, if the kernel is sure of it."""
        if is_counted(connection) and connection.topics and all_acknowledged(connection.transport):
            for topic, position in written(connection).items():
                self._note(connection, topic, position)

    def certify_end(self, connection: "Connection", ended: bool) -> bool:
        """Note what a plain client has got that was closed here and answers that.

        `ended`: by its FIN, else by a close frame. False: that is not certain, not yet at least.
        """
        at_end = connection.written_at_end
        if at_end and not all_acknowledged(connection.transport, ended):
            return False
        connection.written_at_end = None
        for topic, position in (at_end or {}).items():
            self._note(connection, topic, position)
        self.save_soon()
        return True

    def note_end(self, connection: "Connection") -> None:
        """Remember what was written to a plain client that is about to be closed here."""
        if is_counted(connection):
            connection.written_at_end = written(connection)

    def acknowledge(self, connection: "Connection", positions: dict[str, int]) -> None:
        """Note what an `ext` client says it has handled, never past what it was sent."""
        if connection.session.mid <= 0:
            return
        for topic in connection.topics:
            said, sent = positions.get(topic.room or topic.label), connection.position(topic)
            if said is not None and sent is not None:
                self._note(connection, topic.name, min(said, sent))
        for room, sent in (connection.visited or {}).items():
            if room in positions:
                self._note(connection, room_topic(room), min(positions[room], sent))

    def unsaved(self, mid: int, device: str, topic: str) -> int | None:
        """Return a position the store may not have yet."""
        found, owner = None, (mid, device)
        for waiting in (self._unsaved, *self._saving):
            topics = waiting.get(owner)
            if topics is not None and topic in topics:
                found = max(topics[topic], found or 0)
        return found

    def has_unsaved(self, device: Device) -> bool:
        """Tell whether the store may not have all of a device yet."""
        return any(device in one for one in (self._unsaved, *self._saving))

    def save_soon(self) -> None:
        """Save in this turn of the loop: a device has left and may come back elsewhere at once."""
        if not self._soon and self._unsaved:
            self._soon = True
            self._gateway.loop.call_soon(self._save)

    async def keep_saving(self) -> None:
        """Save what is unsaved once a second, for ever."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            if not self._saving:
                self._save()

    async def drain(self, seconds: float) -> None:
        """Save everything, or give up after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._unsaved or self._saving:
                    self._save()
                    await self._idle.wait()
                    if self._unsaved:
                        await asyncio.sleep(REFUSED_SECONDS)
        except TimeoutError:
            devices = len(self._unsaved) + sum(map(len, self._saving))
            log.warning("positions_unsaved", devices=devices)

    def _note(self, connection: "Connection", topic: str, position: int) -> None:
        delivered = connection.delivered
        if delivered is None:
            delivered = connection.delivered = {}
        if delivered.get(topic, -1) >= position:
            return
        delivered[topic] = position
        device = (connection.session.mid, connection.session.device)
        if len(self._unsaved) >= MOST_UNSAVED_DEVICES and device not in self._unsaved:
            self._gateway.counters.refused["unsaved_positions"] += 1
            return
        topics = self._unsaved.setdefault(device, {})
        topics[topic] = max(position, topics.get(topic, 0))

    def _save(self) -> None:
        self._soon = False
        while self._unsaved and len(self._saving) < SAVES_IN_FLIGHT:
            devices = list(self._unsaved)[:DEVICES_IN_A_REQUEST]
            self._send({device: self._unsaved.pop(device) for device in devices})
        self._again = bool(self._unsaved)

    def _send(self, batch: dict[Device, dict[str, int]]) -> None:
        self._saving.append(batch)
        self._idle.clear()
        request = PositionRequest(
            positions=[
                DevicePosition(mid=mid, device=device, topics=topics)
                for (mid, device), topics in batch.items()
            ]
        )
        bus = self._gateway.bus
        bus.request(
            bus.subjects.rpc("store", "position"),
            request.SerializeToString(),
            partial(self._receive, batch),
        )

    def _receive(self, batch: dict[Device, dict[str, int]], reply: Reply) -> None:
        self._saving.remove(batch)
        try:
            read_reply(reply, PositionReply)
        except (BusError, RpcError) as error:
            self._unavailable.warning(devices=len(batch), error=str(error))
            if isinstance(error, RpcError) and error.retry == NEVER:
                self._gateway.counters.refused["positions_refused"] += 1  # the others are saved
                self._gateway.leaving.settle(batch)
            else:
                self._gateway.counters.refused["positions_unavailable"] += 1
                self._put_back(batch)
        else:
            self._gateway.leaving.settle(batch)
            if self._again or len(self._unsaved) >= DEVICES_IN_A_REQUEST:
                self.save_soon()
        if not self._saving:
            self._idle.set()

    def _put_back(self, batch: dict[Device, dict[str, int]]) -> None:
        for device, topics in batch.items():
            newer = self._unsaved.setdefault(device, {})
            for topic, position in topics.items():
                newer[topic] = max(position, newer.get(topic, 0))


def written(connection: "Connection") -> dict[str, int]:
    """Return up to where each topic, held or left, was written to a connection."""
    found = {room_topic(room): position for room, position in (connection.visited or {}).items()}
    for topic in connection.topics:
        position = connection.position(topic)
        if position:
            found[topic.name] = position
    return found


def is_counted(connection: "Connection") -> bool:
    """Tell whether it is for the kernel to say what this client has got."""
    return connection.session.mid > 0 and not connection.session.ext
