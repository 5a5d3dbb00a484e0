"""EDGE what every server must do at least, and nothing else: the floor under each figure.

One process that logs clients in (handshake, auth frame, reply), and for each message published
calls `os.write` once for each receiver with the same bytes as the gateway's: the messages of one
read in one op 9 envelope. Publishers connect as to NATS. No event loop library, no checks, no
storage, no limits; members who are away get what they missed at their next login. `python -m
bench.baseline_server` prints its ports, then serves until its end.
"""

import gc
import json
import os
import select
import socket
from base64 import b64encode
from hashlib import sha1

from websockets.speedups import apply_mask

from bench.publish_port import INFO, take_publishes
from bench.target import OPERATION
from schemas.frame import HEADER, HEADER_BYTES, decode_frames, encode_batch, encode_frame
from schemas.operations import Operation

BACKLOG = 4096
SEND_BUFFER_BYTES = 65_536  # the gateway's default
READ_BYTES = 262_144
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
KEY = b"Sec-WebSocket-Key: "


Receivers = dict[int, None]  # descriptors, in order


class Peer:
    """A connection: a client on WebSocket or TCP, or a publisher."""

    __slots__ = ("kind", "open", "rest", "room", "socket", "topics")

    def __init__(self, peer: socket.socket, kind: str) -> None:
        self.socket = peer
        self.kind = kind
        self.open = kind != "ws"
        self.rest = b""
        self.room: Receivers = {}
        self.topics: list[tuple[str, str]] = []  # kind and topic of what it receives


class BaselineServer:
    """The floor."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._listeners = {kind: _listener() for kind in ("ws", "tcp", "publish")}
        self._kinds = {one.fileno(): kind for kind, one in self._listeners.items()}
        self._peers: dict[int, Peer] = {}
        self._topics: dict[tuple[str, str], Receivers] = {}  # by kind and topic
        self._missed: dict[str, list[bytes]] = {}
        self._stopping = False
        self._wake, self._waker = socket.socketpair()
        for descriptor in (*self._kinds, self._wake.fileno()):
            self._poll.register(descriptor, select.EPOLLIN)

    @property
    def ports(self) -> dict[str, int]:
        """The ports by kind: ws, tcp, publish."""
        return {kind: one.getsockname()[1] for kind, one in self._listeners.items()}

    def serve(self) -> None:
        """Handle what comes, until `stop`."""
        while not self._stopping:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wake.fileno():
                    continue
                if descriptor in self._kinds:
                    self._accept(self._kinds[descriptor])
                else:
                    self._read(descriptor)
        for descriptor in tuple(self._peers):
            self._close(descriptor)
        for one in (*self._listeners.values(), self._wake, self._waker):
            one.close()
        self._poll.close()

    def stop(self) -> None:
        """Let `serve` return; may be called in any thread."""
        self._stopping = True
        self._waker.send(b"\0")

    def _accept(self, kind: str) -> None:
        while True:
            try:
                accepted, _ = self._listeners[kind].accept()
            except BlockingIOError:
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[accepted.fileno()] = Peer(accepted, kind)
            self._poll.register(accepted.fileno(), select.EPOLLIN)
            if kind == "publish":
                accepted.send(INFO)

    def _read(self, descriptor: int) -> None:
        peer = self._peers[descriptor]
        try:
            data = peer.socket.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._close(descriptor)
            return
        data = peer.rest + data
        if peer.kind == "publish":
            peer.rest = self._take_publishes(descriptor, data)
        elif peer.kind == "tcp":
            frames, peer.rest, _ = decode_frames(data)
            for one in frames:
                self._handle(descriptor, peer, one.operation, one.sequence, one.body)
        elif peer.open:
            peer.rest = self._take_messages(descriptor, peer, data)
        else:
            peer.rest = self._upgrade(descriptor, peer, data)

    def _upgrade(self, descriptor: int, peer: Peer, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return data
        start = head.index(KEY) + len(KEY)
        key = head[start:].partition(b"\r\n")[0]
        accept = b64encode(sha1(key + GUID, usedforsecurity=False).digest())
        peer.open = True
        write_all(
            descriptor,
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n",
        )
        return rest

    def _take_messages(self, descriptor: int, peer: Peer, data: bytes) -> bytes:
        while len(data) >= 6:
            size, head = data[1] & 0x7F, 2
            if size == 126:
                size, head = int.from_bytes(data[2:4], "big"), 4
            end = head + 4 + size
            if len(data) < end:
                break
            message = apply_mask(data[head + 4 : end], data[head : head + 4])
            _, _, _, operation, sequence = HEADER.unpack_from(message)
            self._handle(descriptor, peer, operation, sequence, message[HEADER_BYTES:])
            data = data[end:]
        return data

    def _handle(
        self, descriptor: int, peer: Peer, operation: int, sequence: int, body: bytes
    ) -> None:
        if operation == Operation.AUTH:
            self._log_in(descriptor, peer, sequence, body)
        elif operation == Operation.HEARTBEAT:
            reply = encode_frame(Operation.HEARTBEAT_REPLY, b"\0\0\0\0", 1, sequence)
            write_all(descriptor, framed(peer.kind, reply))
        elif operation == OPERATION:
            reply = encode_frame(operation, b"", 1, sequence)
            write_all(descriptor, framed(peer.kind, reply))
            data = batch(peer.kind, [encode_frame(operation, body)])
            for other in peer.room:
                if other != descriptor:
                    write_all(other, data)

    def _log_in(self, descriptor: int, peer: Peer, sequence: int, body: bytes) -> None:
        token = json.loads(body)
        kind, _, name = token["room_id"].partition("://")
        member = f"member.{token['mid']}"
        peer.topics = [(peer.kind, f"room.{kind}.{name}"), (peer.kind, member)]
        for one in peer.topics:
            self._topics.setdefault(one, {})[descriptor] = None
        peer.room = self._topics[peer.topics[0]]
        data = framed(peer.kind, encode_frame(Operation.AUTH_REPLY, b"", 1, sequence))
        if missed := self._missed.pop(member, None):
            data += batch(peer.kind, missed)
        write_all(descriptor, data)

    def _take_publishes(self, descriptor: int, data: bytes) -> bytes:
        """Deliver what is published at once; return the rest."""
        messages, rest, pings = take_publishes(data)
        if pings:
            write_all(descriptor, b"PONG\r\n" * pings)
        waiting: dict[str, list[bytes]] = {}
        for one in messages:
            waiting.setdefault(one.topic, []).append(encode_frame(OPERATION, one.body))
        for topic, frames in waiting.items():
            self._deliver(topic, frames)
        return rest

    def _deliver(self, topic: str, frames: list[bytes]) -> None:
        for kind in ("ws", "tcp"):
            if receivers := self._topics.get((kind, topic)):
                data = batch(kind, frames)
                for descriptor in receivers:
                    write_all(descriptor, data)
                return
        self._missed.setdefault(topic, []).extend(frames)

    def _close(self, descriptor: int) -> None:
        peer = self._peers.pop(descriptor)
        self._poll.unregister(descriptor)
        peer.socket.close()
        for one in peer.topics:
            self._topics[one].pop(descriptor, None)


def framed(kind: str, frame: bytes) -> bytes:
    """Return a frame as the transport carries it."""
    if kind == "tcp":
        return frame
    size = len(frame)
    if size < 126:
        return b"\x82" + size.to_bytes(1, "big") + frame
    return b"\x82\x7e" + size.to_bytes(2, "big") + frame


def batch(kind: str, frames: list[bytes]) -> bytes:
    """Return messages as they are delivered together."""
    return b"".join(frames) if kind == "tcp" else framed(kind, encode_batch(frames))


def write_all(descriptor: int, data: bytes) -> None:
    """Write it, waiting where the kernel has no place; a peer that is gone does not matter."""
    try:
        written = os.write(descriptor, data)
    except BlockingIOError:
        written = 0
    except OSError:
        return
    if written < len(data):
        place = select.poll()
        place.register(descriptor, select.POLLOUT)
        place.poll()
        write_all(descriptor, data[written:])


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.bind(("127.0.0.1", 0))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def main() -> None:
    """Say the ports, then serve."""
    server = BaselineServer()
    os.write(1, json.dumps(server.ports).encode() + b"\n")
    gc.disable()
    server.serve()


if __name__ == "__main__":
    main()
