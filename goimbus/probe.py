"""EDGE small looks at this machine: is a port free, does an HTTP server answer."""

import asyncio
import socket

from goimbus.errors import PortTaken

HTTP_SECONDS = 5.0


def check_port_is_free(variable: str, host: str, port: int) -> None:
    """Raise PortTaken when a listener on this port could not be opened now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections that just ended don't count: servers set the same option.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            raise PortTaken(variable, port, error.strerror or str(error)) from None


async def http_get(port: int, path: str) -> tuple[int, str]:
    """Return status and body of a GET on this machine.

    Raises OSError when nothing listens, TimeoutError after 5 s, ValueError for no HTTP answer.
    """
    async with asyncio.timeout(HTTP_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            answer = await reader.read(-1)
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/"):
        raise ValueError(f"port {port} answers {answer[:20]!r}, which is no HTTP")
    return int(words[1]), body.decode("utf-8", "replace")
