"""EDGE one connection of a client, from connecting to its end: login, frames, heartbeats.

`run` tells how it ended; the client decides what comes next.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from websockets.exceptions import InvalidHandshake

from goimbus.client_session import ClientSession, Event, LoggedIn
from goimbus.inbox import Inbox
from goimbus.reconnect import NO_CLOSE_CODE, Ending
from goimbus.transport import Transport, TransportEnded, open_transport
from schemas.frame import MAX_BODY_BYTES, FrameError

NETWORK_ERRORS = (OSError, TimeoutError, InvalidHandshake, EOFError)


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What one client uses and how long it waits."""

    buffer_messages: int = 1000  # received and not taken; then the socket is not read
    buffer_bytes: int = 8 * 1024 * 1024
    message_bytes: int = 16 * 1024 * 1024  # of one WebSocket message or TCP frame
    body_bytes: int = MAX_BODY_BYTES  # of what is sent; goim cuts the connection above it
    connect_seconds: float = 10.0  # for an attempt, login included; for the first login in all
    answer_seconds: float = 30.0  # for the answer to what is sent, reconnects included
    resend_seconds: float = 100.0  # from its first try; servers know a number for two minutes
    silence_seconds: float = 10.0  # after a heartbeat; then the connection is taken for dead
    acknowledge_seconds: float = 0.5  # between two acknowledgements


class ClientConnection:
    """One attempt to be connected. `on_event` gets what the session makes of the frames."""

    def __init__(
        self,
        session: ClientSession,
        inbox: Inbox,
        limits: ClientLimits,
        on_event: Callable[[Event], None],
    ) -> None:
        self._session = session
        self._inbox = inbox
        self._limits = limits
        self._on_event = on_event
        self._transport: Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._login_time: float | None = None
        self._last_received = 0.0
        self._heartbeat_seconds = 0.0
        self._ending: Ending | None = None
        self._writing = asyncio.Lock()
        self._acknowledge = asyncio.Event()

    async def run(self, url: str, ssl_context: ssl.SSLContext | None) -> Ending:
        """Connect, log in and stay until the connection ends."""
        try:
            return await self._run(url, ssl_context)
        except TransportEnded as ended:
            return self._ended(ended)
        except (*NETWORK_ERRORS, FrameError) as error:
            return Ending(words=str(error) or "no answer within the time to connect")
        finally:
            if self._transport is not None:
                self._transport.abort()

    @property
    def seconds_logged_in(self) -> float:
        """How long the login has held, or held."""
        return 0.0 if self._login_time is None else self._last_received - self._login_time

    async def send(self, frame: bytes) -> None:
        """Send a frame if there is a login; what is lost is the reader's to notice."""
        await self._send([frame])

    def acknowledge_soon(self) -> None:
        """The application has handled something."""
        self._acknowledge.set()

    async def close(self) -> None:
        """Acknowledge what is handled, then end the connection."""
        transport = self._transport
        if transport is not None:
            await self._send([self._session.acknowledgement()])
            await transport.close()

    async def _run(self, url: str, ssl_context: ssl.SSLContext | None) -> Ending:
        limits = self._limits
        async with asyncio.timeout(limits.connect_seconds):
            transport = await open_transport(url, limits.message_bytes, ssl_context)
            self._transport = transport
            await transport.send(self._session.connect())
            while not self._session.logged_in:
                await self._read(transport)
        self._login_time = self._loop.time()
        helpers = [
            asyncio.create_task(one) for one in (self._beat(transport), self._tell_handled())
        ]
        try:
            while True:
                await self._inbox.until_space()
                await self._read(transport)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _read(self, transport: Transport) -> None:
        after_login: list[bytes] = []
        for frame, pushed in await transport.receive():
            self._last_received = self._loop.time()
            for event in self._session.receive(frame, pushed):
                if isinstance(event, LoggedIn):
                    self._heartbeat_seconds = event.heartbeat_seconds
                    after_login = self._session.unanswered()
                elif isinstance(event, Ending):
                    self._ending = event
                self._on_event(event)
        await self._send(after_login)

    async def _send(self, frames: Iterable[bytes]) -> None:
        async with self._writing:
            for frame in frames:
                if frame and self._session.logged_in and self._transport is not None:
                    try:
                        await self._transport.send(frame)
                    except TransportEnded:
                        return

    async def _beat(self, transport: Transport) -> None:
        """Send heartbeats; drop a connection on which nothing comes back."""
        silence = min(self._limits.silence_seconds, self._heartbeat_seconds)
        while True:
            sent = self._loop.time()
            sending = asyncio.create_task(self._send([self._session.heartbeat()]))
            await asyncio.sleep(silence)
            sending.cancel()
            if self._last_received < sent and not self._inbox.paused.is_set():
                self._ending = Ending(words=f"nothing came back within {silence:g} s")
                transport.abort()
            await asyncio.sleep(self._heartbeat_seconds - silence)

    async def _tell_handled(self) -> None:
        while True:
            await self._acknowledge.wait()
            self._acknowledge.clear()
            await self._send([self._session.acknowledgement()])
            await asyncio.sleep(self._limits.acknowledge_seconds)

    def _ended(self, ended: TransportEnded) -> Ending:
        if self._ending is not None:
            return self._ending
        ending = Ending(ended.code, ended.words)
        if ended.code == NO_CLOSE_CODE and not self._session.logged_in:
            words = "the server closed the connection before the login; a refused token does that"
            return replace(ending, words=words)
        return ending
