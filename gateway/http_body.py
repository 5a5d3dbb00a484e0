"""EDGE the body of one HTTP request: bounded in bytes and in time.

HttpBodyError
├── BodyTooLarge    over the limit
├── BodyTooSlow     not whole within the deadline
└── ClientGone      the client left; nobody is there to be answered
"""

import asyncio

from starlette.requests import Request

DISCARD_FACTOR = 4  # a refused body is read to its end up to so many times the limit


class HttpBodyError(Exception):
    """The body can't be had."""


class BodyTooLarge(HttpBodyError):
    """The body, or the request to NATS that it becomes, is over the limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __str__(self) -> str:
        return f"the request is too large: a message has at most {self.limit} bytes"


class BodyTooSlow(HttpBodyError):
    """The body was not whole within the deadline."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the body was not whole within {self.seconds:g} s"


class ClientGone(HttpBodyError):
    """The client left before its body was whole."""


class HttpBody:
    """Reads a request's body once. `ended` tells whether all of it has been taken."""

    def __init__(self, request: Request, most_bytes: int, seconds: float) -> None:
        self.ended = False
        self._receive = request.receive
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._taken = 0
        length = request.headers.get("content-length", "")
        self._announced = int(length) if length.isascii() and length.isdigit() else 0
        self._withheld = request.headers.get("expect", "").lower() == "100-continue"

    async def read(self) -> bytes:
        """Return the whole body. Raises HttpBodyError."""
        if self._announced > self._most_bytes:
            raise BodyTooLarge(self._most_bytes)
        self._withheld = False
        parts = []
        try:
            async with asyncio.timeout_at(self._deadline):
                while not self.ended:
                    parts.append(await self._next())
                    if self._taken > self._most_bytes:
                        raise BodyTooLarge(self._most_bytes)
        except TimeoutError:
            raise BodyTooSlow(self._seconds) from None
        return b"".join(parts)

    async def discard(self) -> None:
        """Take the rest of a body that is not wanted, so that the client reads the answer.

        An end of the connection under a client that still sends would destroy the answer
        (RFC 9112 section 9.6). Gives up past DISCARD_FACTOR times the limit, at the deadline,
        and at once for a client that waits with its body (Expect: 100-continue).
        """
        most = DISCARD_FACTOR * self._most_bytes
        if self._withheld or self._announced > most:
            return
        try:
            async with asyncio.timeout_at(self._deadline):
                while not self.ended and self._taken <= most:
                    await self._next()
        except TimeoutError:
            return

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        self._taken += len(body)
        self.ended = not message.get("more_body", False)
        return body
