"""EDGE the fast path of delivery: the same bytes to many sockets, each by one write() at once.

The kernel's write is most of what a delivery costs. While nothing waits in a connection's
transport, its bytes go straight to the socket; what the kernel doesn't take goes through the
transport, which keeps order and says when the connection is blocked. TLS always does.

To ask a transport whether it is so costs an eighth of the write: all its objects are cold. So it
is asked only where `Connection.queued` says that something was put into it. And where many receive
the same, their connections are looked at once (`Prepared`), and after that only a list of
descriptors is walked over, until one of them joins, leaves, or has bytes wait in its transport.
All of these call `Topic.unprepare`; `Connection.queue` is the only way into a transport.
"""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from gateway.counters import Counters
from gateway.fanout import KINDS

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.topic import Topic

NO_DESCRIPTOR = -1  # of a connection that is written to through its transport alone
FEWEST_PREPARED = 8  # receivers; for fewer it costs more than it saves


def write_now(connection: "Connection", data: bytes) -> None:
    """Write to the socket itself if nothing waits before these bytes, else queue them."""
    if connection.descriptor < 0 or (connection.queued and connection.still_queued()):
        connection.queue(data)
        return
    try:
        written = os.write(connection.descriptor, data)
    except BlockingIOError:
        written = 0
    except OSError:
        return  # the peer is gone: the transport says so when the loop looks at it
    if written < len(data):
        connection.queue(data[written:])


class Group:
    """Connections of one kind that nothing waits for, and their descriptors in the same order."""

    __slots__ = ("connections", "descriptors")

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.descriptors: list[int] = []

    def write(self, data: bytes) -> None:
        """Write to all; what the kernel does not take is queued."""
        size, write = len(data), os.write
        rests: dict[int, int] = {}
        for descriptor in self.descriptors:
            try:
                written = write(descriptor, data)
            except BlockingIOError:
                written = 0
            except OSError:
                continue  # as in write_now
            if written != size:
                rests[descriptor] = written
        if rests:
            connections = dict(zip(self.descriptors, self.connections, strict=True))
            for descriptor, written in rests.items():
                connections[descriptor].queue(data[written:])


class Prepared:
    """The live connections of a topic, for as long as they stay the same."""

    __slots__ = ("groups", "others", "uncounted")

    def __init__(self, receivers: Iterable["Connection"]) -> None:
        self.groups = tuple(Group() for _ in range(KINDS))
        self.others: list[Connection] = []  # each has to be looked at
        self.uncounted = 0  # messages that each in the groups was sent
        for connection in receivers:
            direct = connection.descriptor >= 0 and not connection.blocked
            if direct and not connection.transport.get_write_buffer_size():
                group = self.groups[connection.kind]
                group.connections.append(connection)
                group.descriptors.append(connection.descriptor)
            else:
                self.others.append(connection)

    def end(self) -> None:
        """Tell the connections what they were sent."""
        if self.uncounted:
            for group in self.groups:
                for connection in group.connections:
                    connection.messages_sent += self.uncounted


class Writer:
    """Writes to all receivers of a topic, and counts."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def write_to_all(
        self, topic: "Topic", encode: Callable[[int], bytes], messages: int
    ) -> list["Connection"]:
        """Write what `encode(kind)` gives; return the blocked ones, which got nothing."""
        receivers: Iterable[Connection] = topic.live  # type: ignore[assignment]
        if len(topic.live) < FEWEST_PREPARED:
            return self._write_to_each(receivers, encode, messages)
        prepared = topic.prepared
        if not isinstance(prepared, Prepared):
            prepared = topic.prepared = Prepared(receivers)
        prepared.uncounted += messages
        for kind, group in enumerate(prepared.groups):
            if group.descriptors:
                data = encode(kind)
                self._counters.messages_sent += len(group.descriptors) * messages
                self._counters.bytes_sent += len(group.descriptors) * len(data)
                group.write(data)
        if not prepared.others:
            return []
        blocked = self._write_to_each(prepared.others, encode, messages)
        if any(one.descriptor >= 0 for one in prepared.others):
            topic.unprepare()  # they may have nothing to wait for any more
        return blocked

    def _write_to_each(
        self, receivers: Iterable["Connection"], encode: Callable[[int], bytes], messages: int
    ) -> list["Connection"]:
        encoded: list[bytes | None] = [None] * KINDS
        blocked = []
        written_to = sent_bytes = 0
        for connection in receivers:
            if connection.blocked:
                blocked.append(connection)
                continue
            data = encoded[connection.kind]
            if data is None:
                data = encoded[connection.kind] = encode(connection.kind)
            connection.messages_sent += messages
            written_to += 1
            sent_bytes += len(data)
            write_now(connection, data)
        self._counters.messages_sent += written_to * messages
        self._counters.bytes_sent += sent_bytes
        return blocked
