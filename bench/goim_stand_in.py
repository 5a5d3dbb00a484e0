"""EDGE what goim's comet needs around it: discovery, logic, and job (see goim_server.py).

The messages of goim's gRPC calls are written out here by their field numbers (goim v2
`api/*/*.proto`), so that nothing of goim's is in this project.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, urlsplit

import grpc

from bench.goim_server import BATCH
from bench.publish_port import Published, serve_publishers
from bench.target import OPERATION
from schemas.frame import BATCH_OPERATION, encode_frame

POLL_SECONDS = 30.0  # for which discovery lets a poller wait when nothing is new
HEARTBEAT_NANOSECONDS = 240 * 10**9
CALLS_IN_FLIGHT = 32
THREADS = 8
NOT_MODIFIED = -304  # bilibili/discovery's code


def varint(value: int) -> bytes:
    """Return a number of 0 or more as protobuf writes it."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def number_field(field: int, value: int) -> bytes:
    """Return a field with a number."""
    return varint(field << 3) + varint(value)


def bytes_field(field: int, value: bytes) -> bytes:
    """Return a field with bytes, a text or a message."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def read_bytes_field(message: bytes, wanted: int) -> bytes:
    """Return the first field of that number, which must be bytes or a text; b"" without one."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        if key & 7 == 2:
            if key >> 3 == wanted:
                return message[position : position + value]
            position += value
    return b""


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


class Discovery(BaseHTTPRequestHandler):
    """bilibili/discovery as far as comet uses it: logic is where it is, and never moves."""

    protocol_version = "HTTP/1.1"
    addresses: Mapping[str, str] = {}  # by application

    def do_GET(self) -> None:
        """Answer a poll; a poller who knows it all waits."""
        query = parse_qs(urlsplit(self.path).query)
        asked = zip(query.get("appid", []), query.get("latest_timestamp", []), strict=True)
        news = [name for name, seen in asked if seen == "0" and name in self.addresses]
        if not news:
            time.sleep(POLL_SECONDS)
            self._answer({"code": NOT_MODIFIED})
            return
        self._answer({"code": 0, "data": {name: self._application(name) for name in news}})

    def do_POST(self) -> None:
        """Accept any registration."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer({"code": 0, "message": "0"})

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _application(self, name: str) -> object:
        instance = {"appid": name, "addrs": [self.addresses[name]], "metadata": {"weight": "10"}}
        return {"instances": {"bench": [instance]}, "latest_timestamp": 1}

    def _answer(self, values: object) -> None:
        body = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # a poller has gone meanwhile
            self.end_headers()
            self.wfile.write(body)


class Logic(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """goim's logic: believes each token, and forgets everything."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def service(self, call: "grpc.HandlerCallDetails") -> object:
        """Give grpcio the handler of a method."""
        connects = call.method.endswith("/Connect")
        answer = self._connect if connects else self._nothing
        return grpc.unary_unary_rpc_method_handler(answer)

    def _connect(self, request: bytes, context: object) -> bytes:
        token = json.loads(read_bytes_field(request, 3))
        return (
            number_field(1, token["mid"])
            + bytes_field(2, b"key-%d" % (token["mid"] or next(self._numbers)))
            + bytes_field(3, token["room_id"].encode())
            + number_field(4, OPERATION)
            + number_field(5, HEARTBEAT_NANOSECONDS)
        )

    def _nothing(self, request: bytes, context: object) -> bytes:
        return b""


class Job:
    """goim's job: pushes to keys one by one; to rooms at once, or (`stored`) in batches of 20.

    A batch that does not fill is sent after a second.
    """

    def __init__(self, port: int) -> None:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._room = channel.unary_unary("/goim.comet.Comet/BroadcastRoom")
        self._keys = channel.unary_unary("/goim.comet.Comet/PushMsg")
        self._places = threading.Semaphore(CALLS_IN_FLIGHT)
        self._waiting: dict[str, list[bytes]] = {}

    def deliver(self, messages: list[Published]) -> None:
        """Push all; without any, send what waits for a batch."""
        for one in messages:
            kind, _, name = one.topic.partition(".")
            room = name.replace(".", "://", 1)
            if kind == "member":
                self._push_to_key(b"key-" + name.encode(), one.body)
            elif one.stored:
                self._push_later(room, one.body)
            else:
                self._push_to_room(room, OPERATION, one.body)
        if not messages:
            for room in tuple(self._waiting):
                self._push_batch(room)

    def _push_to_key(self, key: bytes, body: bytes) -> None:
        push = bytes_field(1, key) + number_field(3, OPERATION)
        self._call(self._keys, push + bytes_field(2, _proto(OPERATION, body)))

    def _push_later(self, room: str, body: bytes) -> None:
        waiting = self._waiting.setdefault(room, [])
        waiting.append(encode_frame(OPERATION, body))
        if len(waiting) == BATCH:
            self._push_batch(room)

    def _push_batch(self, room: str) -> None:
        self._push_to_room(room, BATCH_OPERATION, b"".join(self._waiting.pop(room)))

    def _push_to_room(self, room: str, operation: int, body: bytes) -> None:
        push = bytes_field(1, room.encode()) + bytes_field(2, _proto(operation, body))
        self._call(self._room, push)

    def _call(self, method: "grpc.UnaryUnaryMultiCallable", request: bytes) -> None:
        self._places.acquire()
        method.future(request).add_done_callback(lambda call: self._places.release())


def _proto(operation: int, body: bytes) -> bytes:
    return number_field(1, 1) + number_field(2, operation) + bytes_field(4, body)


def main() -> None:
    """Serve on the ports of the first argument, a JSON object."""
    ports: dict[str, int] = json.loads(sys.argv[1])
    Discovery.addresses = {
        "goim.logic": f"grpc://127.0.0.1:{ports['logic']}",
        "infra.discovery": f"http://127.0.0.1:{ports['discovery']}",
    }
    discovery = ThreadingHTTPServer(("127.0.0.1", ports["discovery"]), Discovery)
    threading.Thread(target=discovery.serve_forever, daemon=True).start()
    logic = grpc.server(ThreadPoolExecutor(THREADS))
    logic.add_generic_rpc_handlers((Logic(),))
    logic.add_insecure_port(f"127.0.0.1:{ports['logic']}")
    logic.start()
    with socket.create_server(("127.0.0.1", ports["publish"])) as listener:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        serve_publishers(listener, Job(ports["grpc"]).deliver)


if __name__ == "__main__":
    main()
