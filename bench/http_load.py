"""EDGE goim's HTTP push API under load: so many connections, one call at a time on each."""

import select
import socket
import time

from bench.errors import FiguresUnsound
from bench.target import OPERATION

READ_BYTES = 65_536
HEAD_END = b"\r\n\r\n"
SUCCESS = b'"code":0'
WARM_UP_SHARE = 0.2


def push_by_http(port: int, connections: int, seconds: float, body: bytes) -> float:
    """Return how many pushes to a room were answered in a second.

    Raises FiguresUnsound for an answer that is no success, ConnectionError for none.
    """
    call = (
        f"POST /goim/push/room?operation={OPERATION}&type=bench&room=0 HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    try:
        for _ in range(connections):
            one = socket.create_connection(("127.0.0.1", port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[one.fileno()] = one
            poll.register(one.fileno(), select.EPOLLIN)
            one.sendall(call)
        _answer_calls(poll, sockets, call, seconds * WARM_UP_SHARE)
        return _answer_calls(poll, sockets, call, seconds) / seconds
    finally:
        poll.close()
        for one in sockets.values():
            one.close()


def _answer_calls(
    poll: select.epoll, sockets: dict[int, socket.socket], call: bytes, seconds: float
) -> int:
    """Call again after each answer; return how many answers came."""
    answers, end = 0, time.monotonic() + seconds
    begun: dict[int, bytes] = {}  # answers whose body is not there yet
    while time.monotonic() < end:
        for descriptor, _ in poll.poll(0.1):
            one = sockets[descriptor]
            answer = one.recv(READ_BYTES)
            if not answer:
                raise ConnectionError("the HTTP API has ended a connection")
            answer = begun.pop(descriptor, b"") + answer
            if answer.endswith(HEAD_END):
                begun[descriptor] = answer
                continue
            if SUCCESS not in answer:
                raise FiguresUnsound("HTTP API", f"it answers {answer[-300:]!r}")
            answers += 1
            one.sendall(call)
    return answers
