"""EDGE pushes of services: `goim.pushes.keys|mids|room|all`, PushRequest in, PushReply out.

Pushes to mids, rooms and all are stored and then delivered; those to keys go to the gateways
that hold the keys, and reach only who is connected now.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import structlog

from bus.connection import Bus
from bus.errors import BusError, NoResponders
from bus.metrics import Reading
from bus.service import Answer
from router.admission import check_id
from router.batches import Outcome
from router.directory import Directory
from router.errors import BodyTooLarge, GatewaySilent, PresenceAway, RequestRefused
from router.publisher import Publisher
from router.readings import total, totals
from router.settings import PushSettings
from router.upstream import error_message
from schemas.headers import SPEED
from schemas.messages_pb2 import GatewayCommand, KeyPush, KeyPushReply, PushReply, PushRequest
from schemas.policies import Policy
from schemas.scoped_ids import scoped_id
from schemas.subjects import ALL_TOPIC, IdRefused, member_topic, room_topic, topic_room_type

log = structlog.get_logger()

KEYS_AT_ONCE = 500  # in one command to a gateway; keeps it far below max_payload


class Pushing:
    """Serves the four kinds of push."""

    def __init__(
        self,
        bus: Bus,
        publisher: Publisher,
        directory: Directory,
        policy_of: Callable[[str], Policy],
        settings: PushSettings,
    ) -> None:
        self.bus = bus
        self.publisher = publisher
        self.directory = directory
        self.policy_of = policy_of
        self.settings = settings
        self.counts: Counter[str] = Counter()

    async def push_keys(self, request: PushRequest) -> PushReply:
        """Deliver to the connections with these keys; keys that nobody has are fine.

        Raises RouterError: PresenceAway while Redis is away.
        """
        self._check(request)
        keys = list(dict.fromkeys(request.keys))
        if not keys:
            raise RequestRefused("keys are missing")
        places = await self.directory.gateways_of_keys(keys)
        commands = [
            (gateway, held[start : start + KEYS_AT_ONCE])
            for gateway, held in places.items()
            for start in range(0, len(held), KEYS_AT_ONCE)
        ]
        answers = await asyncio.gather(
            *(self._push_to_gateway(gateway, held, request) for gateway, held in commands)
        )
        self.counts["keys"] += 1
        silent = [held for (_, held), one in zip(commands, answers, strict=True) if one is None]
        answered = [one for one in answers if one is not None]
        reply = PushReply(
            sessions=sum(one.sessions for one in answered),
            dropped=sum(one.dropped for one in answered),
        )
        if silent:
            error = GatewaySilent(len(silent), sum(len(held) for held in silent))
            reply.error.CopyFrom(error_message(error))
        return reply

    async def push_mids(self, request: PushRequest) -> PushReply:
        """Store a message for each member over 0; the others are skipped, as goim does."""
        self._check(request)
        mids = list(dict.fromkeys(mid for mid in request.mids if mid > 0))
        self.counts["mids"] += 1
        if not mids:
            return PushReply()
        counting = asyncio.ensure_future(self._count_members(mids))
        outcomes = await asyncio.gather(*(self._store_for(mid, request) for mid in mids))
        return _stored_reply(outcomes, await counting)

    def push_room(self, request: PushRequest, answer: Answer) -> None:
        """Store a message for a room, or only deliver it where the room type keeps nothing.

        `answer` is called once, when it is stored. Raises RouterError.
        """
        self._check(request)
        if not request.type or not request.room or request.operation == 0:
            raise RequestRefused("operation, type and room are required")
        try:
            topic = room_topic(f"{request.type}://{request.room}")
        except IdRefused as refused:
            raise RequestRefused(str(refused)) from None
        self.counts["room"] += 1
        operation, body = request.operation, request.body
        if self.policy_of(topic_room_type(topic)).keep:
            own = scoped_id(topic, request.id)
            self.publisher.store(topic, operation, body, partial(_answer_stored, answer), None, own)
            return
        error = self.publisher.cast(topic, operation, body)
        answer(PushReply(error=error_message(error)) if error else PushReply())

    def push_all(self, request: PushRequest, answer: Answer) -> None:
        """Store a message for everyone, to be sent out at `speed` connections a second.

        `answer` is called once, when it is stored. Raises RouterError.
        """
        self._check(request)
        if request.operation == 0:
            raise RequestRefused("operation is required")
        self.counts["all"] += 1
        headers = {SPEED: str(request.speed)} if request.speed > 0 else None
        own = scoped_id(ALL_TOPIC, request.id)
        settle = partial(_answer_stored, answer)
        self.publisher.store(ALL_TOPIC, request.operation, request.body, settle, headers, own)

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        kinds = {kind: self.counts[kind] for kind in ("keys", "mids", "room", "all")}
        yield totals("pushes", "pushes of services by kind", "kind", kinds)
        for name, words in _COUNTERS:
            yield total(f"push_{name}", words, self.counts[name])

    async def _push_to_gateway(
        self, gateway: str, keys: list[str], request: PushRequest
    ) -> KeyPushReply | None:
        """Return the gateway's answer, an empty one when it has ended, None when it is silent."""
        push = KeyPush(keys=keys, operation=request.operation, body=request.body)
        payload = GatewayCommand(push=push).SerializeToString()
        try:
            subject = self.bus.subjects.gateway(gateway)
            reply = await self.bus.call(subject, payload, self.settings.gateway_seconds)
            return KeyPushReply.FromString(reply.payload)
        except NoResponders:
            self.counts["gateways_gone"] += 1
            return KeyPushReply()
        except BusError as error:
            self.counts["gateways_silent"] += 1
            log.warning("gateway_silent", gateway=gateway, keys=len(keys), error=str(error))
            return None

    async def _store_for(self, mid: int, request: PushRequest) -> Outcome:
        topic = member_topic(mid)
        return await self.publisher.store_one(
            topic, request.operation, request.body, message_id=scoped_id(topic, request.id)
        )

    async def _count_members(self, mids: list[int]) -> int:
        try:
            return await self.directory.count_members(mids)
        except PresenceAway:
            self.counts["counts_missed"] += 1
            return 0

    def _check(self, request: PushRequest) -> None:
        if len(request.body) > self.settings.body_bytes:
            raise BodyTooLarge(len(request.body), self.settings.body_bytes)
        if max(len(request.keys), len(request.mids)) > self.settings.targets:
            raise RequestRefused(f"at most {self.settings.targets} keys or mids in one push")
        check_id("message id", request.id)


def _answer_stored(answer: Answer, outcome: Outcome) -> None:
    if outcome.error is None:
        answer(PushReply(sequences=(outcome.sequence,), stored=True))
    else:
        answer(_stored_reply([outcome], 0))


def _stored_reply(outcomes: list[Outcome], sessions: int) -> PushReply:
    """Return the sequences, 0 for one that was not stored, and the first error."""
    reply = PushReply(sequences=[outcome.sequence for outcome in outcomes], sessions=sessions)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    reply.stored = not errors
    if errors:
        reply.error.CopyFrom(error_message(errors[0]))
    return reply


_COUNTERS = (
    ("gateways_gone", "pushes to keys whose gateway had ended"),
    ("gateways_silent", "pushes to keys that a gateway did not answer"),
    ("counts_missed", "pushes to mids whose connections Redis did not tell"),
)
