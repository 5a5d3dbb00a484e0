"""EDGE what the kernel knows of a socket: how many bytes its peer has not acknowledged."""

import asyncio
import socket
import sys
from fcntl import ioctl
from termios import TIOCOUTQ  # Linux calls it SIOCOUTQ on sockets (tcp(7))

KEEPALIVE_IDLE_SECONDS = 30
KEEPALIVE_PROBE_SECONDS = 10
USER_TIMEOUT_MILLISECONDS = 30_000
# linux/tcp_states.h; after a reset, or both ends, it is TCP_CLOSE
END_IS_SENT = (4, 9, 11)  # and not acknowledged: FIN_WAIT1, LAST_ACK, CLOSING
STANDING = (1, 8, 5, *END_IS_SENT)  # ESTABLISHED, CLOSE_WAIT, FIN_WAIT2


def all_acknowledged(transport: asyncio.Transport, ended: bool = False) -> bool:
    """Tell whether the peer's kernel has acknowledged every byte that was written.

    Our own FIN is none of them, though the kernel counts it as a byte until it is acknowledged: a
    client that closes on a close frame has often not seen the FIN behind it. After a reset nobody
    can tell: what is written then fails, and nothing is left to be acknowledged.
    `ended`: the peer's FIN has come, so there was no reset.
    """
    if transport.get_write_buffer_size():
        return False
    peer = transport.get_extra_info("socket")
    if peer is None:
        return False
    try:
        before = _state(peer)
        answer = ioctl(peer.fileno(), TIOCOUTQ, b"\0\0\0\0")
        if not ended and _state(peer) not in STANDING:
            return False
    except (OSError, ValueError):
        return False
    return int.from_bytes(answer, sys.byteorder) <= (before in END_IS_SENT)


def listen(host: str, port: int, send_buffer_bytes: int, backlog: int = 4096) -> socket.socket:
    """Return a listening socket that other workers may share (SO_REUSEPORT). Raises OSError.

    What is set here is inherited by accepted sockets on Linux: keepalive and the user timeout
    find dead peers, the send buffer bounds what the kernel holds for one that does not read.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            tcp = socket.IPPROTO_TCP
            listener.setsockopt(tcp, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
            listener.setsockopt(tcp, socket.TCP_KEEPINTVL, KEEPALIVE_PROBE_SECONDS)
            listener.setsockopt(tcp, socket.TCP_KEEPCNT, 3)
            listener.setsockopt(tcp, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLISECONDS)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _state(peer: socket.socket) -> int:
    """Return the connection's state, elsewhere than on Linux that it is open. Raises OSError."""
    if sys.platform != "linux":
        return STANDING[0]
    return peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
