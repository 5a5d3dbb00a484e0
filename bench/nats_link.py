"""EDGE a blocking connection to NATS for what is done between measurements."""

import json
import socket
import time
from collections.abc import Iterable
from typing import Any

CONNECT = (
    b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,'
    b'"name":"bench","lang":"python","version":"1"}\r\n'
)
EVENTS = "GOIM_EVENT"
EVENTS_SECONDS = 1.0  # without a new one there are none to come
ANSWER_SECONDS = 20.0
READ_BYTES = 262_144


class NatsLink:
    """Publishes much, and asks one thing at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        self._reader = self._socket.makefile("rb", READ_BYTES)
        self._number = 0
        self._reader.readline()  # INFO
        self._socket.sendall(CONNECT + b"SUB bench.reply.* 1\r\n")

    def __enter__(self) -> "NatsLink":
        return self

    def __exit__(self, *reason: object) -> None:
        self._reader.close()
        self._socket.close()

    def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish subject and payload of each, and wait until the server has read them all."""
        lines = [
            b"PUB %s %d\r\n%s\r\n" % (subject.encode(), len(payload), payload)
            for subject, payload in messages
        ]
        self._socket.sendall(b"".join(lines))
        self._flush()

    def ask(self, subject: str, payload: bytes = b"") -> bytes:
        """Return the answer to a request. Raises TimeoutError and ConnectionError."""
        self._number += 1
        head = b"PUB %s bench.reply.%d %d\r\n" % (subject.encode(), self._number, len(payload))
        self._socket.sendall(head + payload + b"\r\n")
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            words = self._line().split()
            if words[0] == b"MSG" and words[1] == b"bench.reply.%d" % self._number:
                return self._payload(int(words[-1]))
            if words[0] == b"HMSG":
                self._payload(int(words[-1]))
                raise ConnectionError(f"nobody answers {subject}")
        raise TimeoutError(f"no answer to {subject}")

    def ask_json(self, subject: str, values: object = None) -> dict[str, Any]:
        """Return the answer to a request in JSON, such as one of JetStream's API."""
        payload = b"" if values is None else json.dumps(values).encode()
        answer: dict[str, Any] = json.loads(self.ask(subject, payload))
        return answer

    def last_sequence(self, stream: str) -> int:
        """Return how many messages were ever stored in a stream."""
        info = self.ask_json(f"$JS.API.STREAM.INFO.{stream}")
        return int(info["state"]["last_seq"])

    def await_events(self) -> None:
        """Return when no more events are stored: what was published has had its effects."""
        before, stored = -1, self.last_sequence(EVENTS)
        while stored > before:
            time.sleep(EVENTS_SECONDS)
            before, stored = stored, self.last_sequence(EVENTS)

    def _flush(self) -> None:
        self._socket.sendall(b"PING\r\n")
        while not self._line().startswith(b"PONG"):
            pass

    def _line(self) -> bytes:
        """Return the next line; a PING is answered, and may end a wait that nothing else does."""
        line = self._reader.readline()
        if not line:
            raise ConnectionError("NATS has ended the connection")
        if line.startswith(b"PING"):
            self._socket.sendall(b"PONG\r\n")
        return line

    def _payload(self, size: int) -> bytes:
        payload: bytes = self._reader.read(size + 2)
        return payload[:-2]
