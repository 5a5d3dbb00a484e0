"""EDGE what the streams hold, read message by message by sequence while the run goes on.

It asks nats-server directly, by nothing that the services use to read: a batch of direct gets,
again from the last message that came when the answers stop. Positions are read alike.
"""

import asyncio
from json import dumps

import structlog
from google.protobuf.message import DecodeError

from bus.connection import Bus
from bus.errors import BusError, RequestTimeout
from bus.stream_api import read_stream_state
from chaos.ledger import Ledger, read_body
from schemas.headers import SEQUENCE, SUBJECT, header_number, header_value, status
from schemas.messages_pb2 import DevicePosition

log = structlog.get_logger()

BATCH_MESSAGES = 500
ANSWER_SECONDS = 2.0
ROUND_SECONDS = 0.5
KINDS = ("ROOM", "MEMBER", "ALL")
END_OF_BATCH = (204, 404, 408)

Message = tuple[int, str, bytes]  # sequence, subject, payload


class Witness:
    """Reads the streams into the ledger."""

    def __init__(self, bus: Bus, ledger: Ledger) -> None:
        self.bus = bus
        self._ledger = ledger
        self._positions = f"KV_{bus.subjects.bucket('POSITION')}"
        self._streams = [*(bus.subjects.stream(kind) for kind in KINDS), self._positions]
        self._reached = dict.fromkeys(self._streams, 0)
        self._created: dict[str, str] = {}

    @property
    def stored(self) -> int:
        """How many messages have been read."""
        return sum(len(entries) for entries in self._ledger.stored.values())

    async def follow(self) -> None:
        """Read what is new, again and again, until cancelled."""
        while True:
            for stream in self._streams:
                try:
                    await self._read(stream)
                except BusError:
                    continue  # NATS is away: the next round reads it
            await asyncio.sleep(ROUND_SECONDS)

    async def read_to_end(self) -> None:
        """Read all that the streams hold now. Raises BusError."""
        for stream in self._streams:
            state = await read_stream_state(self.bus, stream)
            first = self._created.setdefault(stream, state.created)
            if state.created != first or state.last_sequence < self._reached[stream]:
                self._ledger.went_back.append(stream)
            while await self._read(stream):
                pass

    async def _read(self, stream: str) -> int:
        """Read one batch; return how many messages came."""
        if stream not in self._created:
            self._created[stream] = (await read_stream_state(self.bus, stream)).created
        messages = await self._get_batch(stream, self._reached[stream] + 1)
        for sequence, subject, payload in messages:
            if sequence <= self._reached[stream]:
                continue  # `follow` and `read_to_end` read at once
            self._reached[stream] = sequence
            if stream == self._positions:
                self._note_position(payload)
            else:
                topic, _ = self.bus.subjects.pushed_topic(subject)
                self._ledger.store(topic, sequence, read_body(payload).number)
        return len(messages)

    def _note_position(self, payload: bytes) -> None:
        try:
            position = DevicePosition.FromString(payload)
        except DecodeError:
            log.warning("position_unreadable")
            return
        self._ledger.note_positions(position.mid, position.device, dict(position.topics))

    async def _get_batch(self, stream: str, first: int) -> list[Message]:
        """Return the messages from this sequence on, none at the end. Raises BusError."""
        inbox = self.bus.new_inbox()
        messages: list[Message] = []
        done = asyncio.Event()

        def handle(_: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            if status(headers) in END_OF_BATCH:
                done.set()
                return
            sequence = header_number(headers, SEQUENCE)
            if sequence > (messages[-1][0] if messages else first - 1):
                messages.append((sequence, header_value(headers, SUBJECT), payload))
            else:
                done.set()

        subscription = self.bus.subscribe(inbox, handle)
        try:
            request = {"seq": first, "next_by_subj": ">", "batch": BATCH_MESSAGES}
            subject = f"$JS.API.DIRECT.GET.{stream}"
            self.bus.publish(subject, dumps(request).encode(), inbox.encode())
            async with asyncio.timeout(ANSWER_SECONDS):
                await done.wait()
        except TimeoutError:
            log.debug("batch_cut_short", stream=stream, messages=len(messages))
            if not messages:  # that is no end of the stream
                raise RequestTimeout(subject, ANSWER_SECONDS) from None
        finally:
            self.bus.unsubscribe(subscription)
        return messages
