"""An asyncio client of goim's protocol: of Goimbus with its extensions, or of any goim server.

    async with Client("ws://127.0.0.1:3102/sub", mid=123, room="live://1000") as client:
        async for message in client:
            print(message.topic, message.body)

It comes back by itself after a lost connection and resumes where it was: with a Goimbus server
each stored message is given to the application once, in order within its topic, or a Gap says
which ones are gone. Read `client_session.py` next (the protocol), then `client_connection.py`.
"""

import asyncio
import random
import secrets
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from types import TracebackType
from typing import Any, Self

from goimbus.client_answers import Answered
from goimbus.client_connection import ClientConnection, ClientLimits
from goimbus.client_errors import (
    AnswerTimeout,
    AskRefused,
    BodyTooLarge,
    ClientClosed,
    ClosedByServer,
    ConnectFailed,
    ConnectionLost,
    RoomRefused,
    SendRefused,
)
from goimbus.client_history import NOT_THERE, Unread
from goimbus.client_lookups import Lookups
from goimbus.client_rooms import ONE_ROOM
from goimbus.client_sends import NO_TARGETS, Sends
from goimbus.client_session import MOST_NUMBER, ClientSession, Event, Identity, LoggedIn
from goimbus.first_tries import TOO_OLD, FirstTries
from goimbus.inbox import Inbox
from goimbus.messages import Gap, Live, Message, room_topic
from goimbus.positions import Positions
from goimbus.reconnect import Backoff
from goimbus.transport import read_url
from schemas.close_codes import Retry
from schemas.operations import Operation


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """Whether the client is logged in; if not, why, and in how long it tries again."""

    online: bool
    reason: str = ""
    retry_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ClientHooks:
    """What a client calls. `refresh_token` gives a new token; what it raises ends the client."""

    refresh_token: Callable[[], Awaitable[str]] | None = None
    on_state: Callable[[ConnectionState], None] | None = None
    on_live: Callable[[Live], None] | None = None  # between the missed and the new messages
    on_read: Callable[[Unread], None] | None = None  # what the member has read elsewhere


class Client(Sends, Lookups):
    """One connection to a goim server, kept up over reconnects.

    Use it as `async with`, and iterate over it in one task only. A message counts as handled when
    the next one is asked for, or the `async with` ends without an exception. `key` names this
    connection: there is one with it at a time. `device` is whose positions the server keeps: by
    default the key, else the platform. `resume` holds the `positions` of an earlier client
    by topic; a negative number -n asks for the newest n messages of the topic. `rooms` are heard
    beside `room`, as after `join`; a server without extensions does not know them.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        mid: int = 0,
        room: str = "",
        key: str = "",
        device: str = "",
        platform: str = "",
        accepts: Iterable[int] = (),
        ext: bool = True,
        resume: Mapping[str, int] | None = None,
        rooms: Iterable[str] = (),
        hooks: ClientHooks | None = None,
        limits: ClientLimits | None = None,
        ssl_context: ssl.SSLContext | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        read_url(url)
        self.url = url
        self.reconnects = 0
        self._hooks = hooks or ClientHooks()
        self._limits = limits or ClientLimits()
        self._ssl_context = ssl_context
        self._jitter = jitter
        self._backoff = Backoff()
        identity = Identity(mid, key, room, platform, tuple(accepts), token, ext, device)
        self._positions = Positions(resume)
        first_number = secrets.randbelow(MOST_NUMBER)
        self._session = ClientSession(identity, self._positions, first_number, rooms)
        self._inbox = Inbox(self._limits.buffer_messages, self._limits.buffer_bytes)
        self._first_tries = FirstTries(self._limits.resend_seconds)
        self._answers: dict[int, asyncio.Future[Answered]] = {}
        self._given: Message | Gap | None = None
        self._connection: ClientConnection | None = None
        self._last_reason = "nothing was answered"
        self._logged_in = asyncio.Event()
        self._ended: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Log in. Raises ConnectFailed, or ClosedByServer when the login was refused."""
        self._task = asyncio.create_task(self._stay_connected())
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                await self._logged_in.wait()
        except TimeoutError:
            await self.close()
            raise ConnectFailed(self.url, self._last_reason) from None
        except BaseException:
            await self.close()
            raise
        if self._ended is not None:
            raise self._ended
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish_given()
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Gap:
        """Return the next message, or a Gap where some are gone. Cancelling loses nothing.

        Raises ClosedByServer when the server has ended it for good, after all that came before.
        """
        self._finish_given()
        while True:
            try:
                item = await self._inbox.get()
            except ClientClosed:
                raise StopAsyncIteration from None
            if not isinstance(item, Live):
                self._given = item
                return item
            self._handle(item.topic, item.sequence)
            if self._hooks.on_live is not None:
                self._hooks.on_live(item)

    @property
    def online(self) -> int:
        """Members online in the room, as the last heartbeat's reply told."""
        return self._session.online

    @property
    def extended(self) -> bool:
        """Whether the server speaks Goimbus' extensions with this client."""
        return self._session.extended

    @property
    def connected(self) -> bool:
        """Whether the client is logged in now."""
        return self._session.logged_in

    @property
    def key(self) -> str:
        """The connection's key: the given one, or what the server made."""
        return self._session.identity.key

    @property
    def room(self) -> str:
        """The room that the client is in, or wants to be in."""
        return self._session.identity.room

    @property
    def rooms(self) -> tuple[str, ...]:
        """The further rooms that the client hears, or wants to hear."""
        return self._session.rooms.names

    @property
    def positions(self) -> dict[str, int]:
        """The last sequence handled, by topic: the `resume` of a later client."""
        return self._positions.handled

    async def send(self, body: bytes | str, operation: int = 4, *, number: int = 0) -> int:
        """Send a message to the room; return its sequence there, 0 where nothing is kept.

        Over a lost connection it is sent again, and stored once. Raises SendRefused,
        AnswerTimeout, BodyTooLarge, ClientClosed, ClosedByServer, and ConnectionLost where it
        can't be sent again: with a server that has no extensions, or when the client has changed
        its room meanwhile. `number` is that of an earlier error: the same message again, which is
        refused with 409 when the server may have forgotten that it has it.
        """
        data = body.encode() if isinstance(body, str) else body
        return await self._submit(data, partial(self._session.send, data, operation, number))

    async def change_room(self, room: str) -> None:
        """Be in this room instead of the last one, also after a reconnect; `""` is no room.

        Raises RoomRefused (the client is in no room then), AnswerTimeout, ClientClosed and
        ClosedByServer.
        """
        if self._connection is not None:
            await self._connection.send(self._session.acknowledgement())
        request = self._session.change_room(room)
        self._lose(self._session.abandon_other_rooms())
        answer = await self._answer(*request)
        if answer.error_code:
            raise RoomRefused(room, answer.error_code, answer.error_words)

    async def join(self, room: str, *, newest: int = 0) -> None:
        """Hear this room too from now on, also after a reconnect; `send` goes to `room` as before.

        What came since the client was there last comes first; where it never was, the `newest`
        messages. Raises RoomRefused (also by a server without extensions), AnswerTimeout,
        ClientClosed and ClosedByServer. Who is put out later gets a message with operation 27
        of the room, and the room is not in `rooms` any more.
        """
        if newest > 0:
            self._positions.want_newest(room_topic(room), newest)
        await self._ask_further(self._session.join, room)

    async def leave(self, room: str) -> None:
        """Hear a room of `join` no more. Raises as join."""
        await self._ask_further(self._session.leave, room)

    async def subscribe(self, operations: Iterable[int]) -> None:
        """Get pushes to key, member and all with these operations too. Raises as change_room."""
        await self._answer(*self._session.subscribe(operations))

    async def unsubscribe(self, operations: Iterable[int]) -> None:
        """Get no such pushes with these operations any more. Raises as change_room."""
        await self._answer(*self._session.unsubscribe(operations))

    async def close(self) -> None:
        """Acknowledge what is handled and end the connection; takes 2 s at most."""
        self._end(ClientClosed())
        if self._connection is not None:
            await self._connection.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._session.disconnect()

    async def _stay_connected(self) -> None:
        try:
            while self._ended is None:
                await self._connect_once()
        except Exception as error:  # noqa: BLE001 - a hook's or our fault: the user gets it
            self._end(error)

    async def _connect_once(self) -> None:
        session = self._session
        connection = ClientConnection(session, self._inbox, self._limits, self._handle_event)
        self._connection = connection
        ending = await connection.run(self.url, self._ssl_context)
        self._lose(session.disconnect())
        if self._ended is not None:
            return
        decision = ending.decision
        if decision is Retry.TOKEN and self._hooks.refresh_token is not None:
            session.identity.token = await self._hooks.refresh_token()
        elif decision in (Retry.NEVER, Retry.TOKEN):
            self._end(ClosedByServer(ending.code, ending.words))
            return
        self._backoff.logged_in_for(connection.seconds_logged_in)
        delay_seconds = self._backoff.delay_seconds(ending, self._jitter())
        self._last_reason = ending.reason
        self._tell_state(ConnectionState(False, ending.reason, delay_seconds))
        await asyncio.sleep(delay_seconds)

    def _handle_event(self, event: Event) -> None:
        if isinstance(event, Message | Gap | Live):
            self._inbox.put(event)
        elif isinstance(event, Answered):
            answer = self._answers.get(event.number)
            if answer is not None and not answer.done():
                answer.set_result(event)
        elif isinstance(event, Unread):
            if self._hooks.on_read is not None:
                self._hooks.on_read(event)
        elif isinstance(event, LoggedIn):
            self.reconnects += self._logged_in.is_set()
            self._logged_in.set()
            self._tell_state(ConnectionState(True))

    async def _answer(self, number: int, frame: bytes, most: float = inf) -> Answered:
        """Send a frame and return its answer, over as many connections as it takes."""
        if self._ended is not None:
            self._session.forget(number)
            raise self._ended
        seconds = min(most, self._limits.answer_seconds)
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._inbox.await_answer()
        try:
            async with asyncio.timeout(seconds):
                if self._connection is not None:
                    await self._connection.send(frame)
                return await answer
        except TimeoutError:
            raise AnswerTimeout(seconds, number) from None
        finally:
            self._inbox.stop_awaiting_answer()
            self._session.forget(number)
            self._answers.pop(number, None)

    async def _send_to(self, topic: str, body: bytes, number: int) -> int:
        if self.connected and not self.extended:
            raise SendRefused(*NO_TARGETS)
        return await self._submit(body, partial(self._session.send_to, topic, body, number))

    async def _submit(self, body: bytes, prepare: Callable[[], tuple[int, bytes]]) -> int:
        if len(body) > self._limits.body_bytes:
            raise BodyTooLarge(len(body), self._limits.body_bytes)
        number, frame = prepare()
        left = self._first_tries.seconds_left(number, asyncio.get_running_loop().time())
        if left <= 0:
            self._session.forget(number)
            raise SendRefused(*TOO_OLD)
        answer = await self._answer(number, frame, left)
        self._first_tries.settle(number, answer.error_code)
        if answer.error_code:
            raise SendRefused(answer.error_code, answer.error_words, answer.number)
        return answer.sequence

    async def _look_up(
        self, operation: Operation, values: Mapping[str, object]
    ) -> Mapping[str, Any]:
        if self.connected and not self.extended:
            raise AskRefused(*NOT_THERE)
        answer = await self._answer(*self._session.ask(operation, values))
        if answer.error_code:
            raise AskRefused(answer.error_code, answer.error_words)
        return answer.told

    async def _ask_further(self, ask: Callable[[str], tuple[int, bytes]], room: str) -> None:
        if self.connected and not self.extended:
            raise RoomRefused(room, *ONE_ROOM)
        answer = await self._answer(*ask(room))
        if answer.error_code:
            raise RoomRefused(room, answer.error_code, answer.error_words)

    def _fail_answer(self, number: int, error: BaseException) -> None:
        answer = self._answers.get(number)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _lose(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._fail_answer(number, ConnectionLost(number))

    def _finish_given(self) -> None:
        given, self._given = self._given, None
        if given is not None:
            self._handle(given.topic, given.to if isinstance(given, Gap) else given.sequence)

    def _handle(self, topic: str, sequence: int) -> None:
        self._positions.handle(topic, sequence)
        if self._connection is not None:
            self._connection.acknowledge_soon()

    def _tell_state(self, state: ConnectionState) -> None:
        if self._hooks.on_state is not None:
            self._hooks.on_state(state)

    def _end(self, error: BaseException) -> None:
        """Let everybody who waits have this error; the first one counts."""
        if self._ended is None:
            self._ended = error
            self._inbox.end(error)
            for number in tuple(self._answers):
                self._fail_answer(number, error)
            self._logged_in.set()
