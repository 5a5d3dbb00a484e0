"""EDGE a port that speaks enough of NATS for the load client to publish to what is no NATS."""

import socket
from collections.abc import Callable
from typing import NamedTuple

INFO = b'INFO {"server_id":"bench","version":"0","max_payload":1048576}\r\n'
READ_BYTES = 262_144
SILENT_SECONDS = 1.0  # goim's job waits so long for a batch to fill


class Published(NamedTuple):
    """One message, and whether it was published to be stored."""

    topic: str
    body: bytes
    stored: bool


def serve_publishers(listener: socket.socket, deliver: Callable[[list[Published]], None]) -> None:
    """Take one publisher after another, for ever; give what one read held to `deliver`.

    After a second of silence, and at the end, it gets an empty list.
    """
    while True:
        publisher, _ = listener.accept()
        with publisher:
            publisher.settimeout(SILENT_SECONDS)
            publisher.sendall(INFO)
            _serve(publisher, deliver)
        deliver([])


def _serve(publisher: socket.socket, deliver: Callable[[list[Published]], None]) -> None:
    rest = b""
    while True:
        try:
            data = publisher.recv(READ_BYTES)
        except TimeoutError:
            deliver([])
            continue
        if not data:
            return
        messages, rest, pings = take_publishes(rest + data)
        if pings:
            publisher.sendall(b"PONG\r\n" * pings)
        if messages:
            deliver(messages)


def take_publishes(data: bytes) -> tuple[list[Published], bytes, int]:
    """Return all whole `PUB subject [reply] size`, the unfinished rest, and how many PINGs."""
    messages: list[Published] = []
    position = pings = 0
    while (end := data.find(b"\r\n", position)) >= 0:
        words = data[position:end].split()
        if words[0] != b"PUB":
            pings += words[0] == b"PING"
            position = end + 2
            continue
        size = int(words[-1])
        if len(data) < end + 4 + size:
            break
        topic, stored = topic_of(words[1].decode())
        messages.append(Published(topic, data[end + 2 : end + 2 + size], stored))
        position = end + 4 + size
    return messages, data[position:], pings


def topic_of(subject: str) -> tuple[str, bool]:
    """Return the topic of `goim.push.<topic>.<op>` (to be stored) or `goim.<topic>.cast.<op>`."""
    words = subject.split(".")
    stored = words[1] == "push"
    return ".".join(words[2:-1] if stored else words[1:-2]), stored
