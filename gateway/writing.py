"""EDGE the fast path of delivery: the same bytes to many sockets, each by one write() at once.

The kernel's write is most of what a delivery costs. While nothing waits in a connection's
transport, its bytes go straight to the socket; what the kernel doesn't take goes through the
transport, which keeps order and says when the connection is blocked. TLS always does.
"""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from gateway.counters import Counters
from gateway.fanout import KINDS

if TYPE_CHECKING:
    from gateway.connection import Connection

NO_DESCRIPTOR = -1  # of a connection that is written to through its transport alone


def write_now(connection: "Connection", data: bytes) -> None:
    """Write to the socket itself if nothing waits before these bytes, else queue them."""
    transport = connection.transport
    if connection.descriptor < 0 or transport.get_write_buffer_size():
        transport.write(data)
        return
    try:
        written = os.write(connection.descriptor, data)
    except BlockingIOError:
        written = 0
    except OSError:
        return  # the peer is gone: the transport says so when the loop looks at it
    if written < len(data):
        transport.write(data[written:])


class Writer:
    """Writes to all receivers of a topic, and counts."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def write_to_all(
        self, receivers: Iterable["Connection"], encode: Callable[[int], bytes], messages: int
    ) -> list["Connection"]:
        """Write what `encode(kind)` gives; return the blocked ones, which got nothing."""
        encoded: list[bytes | None] = [None] * KINDS
        blocked = []
        written_to = sent_bytes = 0
        write = os.write
        for connection in receivers:
            if connection.blocked:
                blocked.append(connection)
                continue
            data = encoded[connection.kind]
            if data is None:
                data = encoded[connection.kind] = encode(connection.kind)
            written_to += 1
            sent_bytes += len(data)
            connection.messages_sent += messages
            transport = connection.transport
            if connection.descriptor < 0 or transport.get_write_buffer_size():
                transport.write(data)
                continue
            try:  # write_now, without a call for each of thousands
                written = write(connection.descriptor, data)
            except BlockingIOError:
                written = 0
            except OSError:
                continue
            if written < len(data):
                transport.write(data[written:])
        self._counters.messages_sent += written_to * messages
        self._counters.bytes_sent += sent_bytes
        return blocked
