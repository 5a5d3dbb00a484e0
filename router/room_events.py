"""EDGE events of rooms: kept in the stream EVENT, and cast to the room's `ext` clients."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from json import dumps, loads

import structlog

from bus.codec import encode_reply
from bus.connection import Bus
from bus.errors import BusError
from bus.metrics import Reading
from router.readings import level, totals
from schemas.headers import MESSAGE_ID, encode_headers
from schemas.messages_pb2 import RoomEvent
from schemas.operations import Operation

log = structlog.get_logger()

ATTEMPT_SECONDS = 2.0
RETRY_SECONDS = 0.25
MOST_SECONDS = 10.0  # then an event is lost, counted and logged
MOST_WAITING = 1000  # events not confirmed yet; more are given up at once


class RoomEvents:
    """Publishes what happened. A room's events are in the order of their `revision`."""

    def __init__(self, bus: Bus) -> None:
        self.counts: Counter[str] = Counter()
        self._bus = bus
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, topic: str, event: RoomEvent) -> None:
        """Cast the event now, and have it stored; a failure is retried, then counted."""
        self._cast(topic, event)
        self.store(topic, event)

    def store(self, topic: str, event: RoomEvent) -> None:
        """Have the event stored, once, however often it is told."""
        if len(self._tasks) >= MOST_WAITING:
            self._lose(event, "too many events wait to be stored")
            return
        task = asyncio.create_task(self._store(topic, event), name="room_event")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Return when each event is stored or given up."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        counts = {name: self.counts[name] for name in ("stored", "lost", "casts_failed")}
        yield totals("room_events", "events of rooms", "result", counts)
        yield level("room_events_waiting", "events not confirmed yet", len(self._tasks))

    def _cast(self, topic: str, event: RoomEvent) -> None:
        subject = self._bus.subjects.cast(topic, Operation.ROOM_EVENT)
        try:
            self._bus.publish(subject, cast_body(event))
        except BusError:
            self.counts["casts_failed"] += 1

    async def _store(self, topic: str, event: RoomEvent) -> None:
        subject = self._bus.subjects.room_event(topic, event.event)
        headers = encode_headers({MESSAGE_ID: f"{topic}.{event.revision}.{event.time_ms}"})
        payload, problem = encode_reply(event, as_json=True), ""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + MOST_SECONDS
        while loop.time() < deadline:
            try:
                reply = await self._bus.call(subject, payload, ATTEMPT_SECONDS, headers)
                problem = _problem(reply.payload)
            except BusError as error:
                problem = str(error)
            if not problem:
                self.counts["stored"] += 1
                return
            await asyncio.sleep(RETRY_SECONDS)
        self._lose(event, problem)

    def _lose(self, event: RoomEvent, problem: str) -> None:
        self.counts["lost"] += 1
        log.error("room_event_lost", room=event.room, room_event=event.event, error=problem)


def cast_body(event: RoomEvent) -> bytes:
    """Return the body of an op 26 frame."""
    values = {
        "event": event.event,
        "room": event.room,
        "actor": event.actor,
        "subject": event.subject,
        "reason": event.reason,
        "until": event.until,
        "time_ms": event.time_ms,
        "revision": event.revision,
    }
    return dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _problem(acknowledgement: bytes) -> str:
    """Return why the event is not stored, `""` when it is."""
    try:
        answer = loads(acknowledgement)
        error = answer.get("error")
    except (ValueError, AttributeError):
        return "the acknowledgement can't be read"
    return str(error.get("description", "refused")) if error else ""
