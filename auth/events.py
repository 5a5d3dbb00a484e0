"""EDGE what happened to accounts: events on `goim.event.account.<what>`, kept for an hour."""

import asyncio
from collections import Counter

import structlog

from auth.errors import AccountRefused, Reason
from bus.codec import encode_reply
from bus.connection import Bus
from bus.errors import BusError, PublishRefused, StreamApiRefused
from bus.stream_api import acknowledged, create_stream
from schemas.messages_pb2 import AccountEvent

log = structlog.get_logger()

KEPT_SECONDS = 3600  # for a mailer that is away for a while
RETRY_SECONDS = 0.5
STREAM_KIND = "ACCOUNT_EVENT"
SUBJECTS_OVERLAP = 10065  # err_code: a stream of the operator's keeps these subjects


class Events:
    """Publishes events; each is stored before it counts as sent."""

    def __init__(self, bus: Bus) -> None:
        self.counts: Counter[str] = Counter()
        self.lost = 0
        self._bus = bus

    async def ensure(self, replicas: int) -> None:
        """Make the stream unless some stream has these subjects; waits for JetStream."""
        while True:
            try:
                await create_stream(self._bus, self._config(replicas))
            except PublishRefused:
                log.info("event_stream_is_made_by_others")
            except StreamApiRefused as refused:
                if refused.code != SUBJECTS_OVERLAP:
                    log.warning("event_stream_refused", error=str(refused))
            except BusError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            return

    async def send(self, event: AccountEvent) -> None:
        """Return when the event is stored. Raises AccountRefused 503."""
        subject = self._bus.subjects.rpc("event", f"account.{event.what}")
        try:
            reply = await self._bus.call(subject, encode_reply(event, as_json=True))
            acknowledged(subject, reply.payload)
        except BusError as error:
            self.lost += 1
            log.warning("account_event_lost", what=event.what, user_id=event.mid, error=str(error))
            raise AccountRefused(Reason.UNAVAILABLE, "the event could not be stored") from None
        self.counts[event.what] += 1

    async def tell(self, event: AccountEvent) -> None:
        """Send an event about what is done already: a failure is counted and logged."""
        try:
            await self.send(event)
        except AccountRefused:
            return

    def _config(self, replicas: int) -> dict[str, object]:
        return {
            "name": self._bus.subjects.stream(STREAM_KIND),
            "subjects": [self._bus.subjects.rpc("event", "account.>")],
            "storage": "file",
            "num_replicas": replicas,
            "discard": "old",
            "max_age": KEPT_SECONDS * 1_000_000_000,
            "allow_direct": True,
        }
