"""EDGE ports for servers that are started: none that the kernel gives to outgoing connections.

A port of the kernel's own choice may be some other connection's a moment later, before the server
that it was meant for listens on it.
"""

import os
import random
import socket

LOWEST, HIGHEST = 15_000, 32_000  # Linux gives 32768 to 60999 away, macOS 49152 to 65535
_random = random.Random(os.urandom(8))  # processes that start at once look in different places
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now, and that this process has not been given before."""
    ports: list[int] = []
    while len(ports) < count:
        port = _random.randrange(LOWEST, HIGHEST)
        if port not in _given and _is_free(port):
            _given.add(port)
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
