"""EDGE what both HTTP apps share: the way to the router, the key, limits and counters."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.responses import Response

from bus.connection import Bus
from bus.environment import Secret
from bus.errors import RpcError
from bus.limits import KEY_PUSHES, Excess, LimitModes
from bus.logs import RareLog
from bus.metrics import Metrics, Reading
from bus.rooms import RoomBook
from gateway.bearer import KeyRefusal, check_bearer
from gateway.goim_answers import Answer, failure
from gateway.grants import Grant
from gateway.http_body import BodyTooLarge
from gateway.proxies import Proxies
from gateway.rates import Rates
from gateway.room_denial import room_denial
from gateway.settings import HttpSettings
from schemas.policies import BUILT_IN, DEFAULT, Policy
from schemas.rooms import Denial

log = structlog.get_logger()

HEADER_RESERVE_BYTES = 1024  # for the headers that the router publishes a message with
ANSWER_UNREADABLE = 500
TOO_MANY = 429
THE_KEY = "the API key"  # whose rate of pushes it is

Reply = TypeVar("Reply", bound=Message)
Rows = list[tuple[tuple[str, ...], float]]


class TooManyRequests(Exception):
    """So many requests are being answered that this one is not begun."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} requests are being answered already; try again"


def built_in_policy(room_type: str) -> Policy:
    """Return the policy of a room type where nobody described others."""
    return BUILT_IN.get(room_type, DEFAULT)


@dataclass(slots=True)
class HttpState:
    """One for each gateway process; it adds its own readings to `metrics`.

    `ready()` returns why this gateway is not ready, nothing when it is.
    """

    bus: Bus
    metrics: Metrics
    ready: Callable[[], list[str]]
    api_key: Secret
    settings: HttpSettings = field(default_factory=HttpSettings)
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)  # by route and status
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    running: int = 0
    policy_of: Callable[[str], Policy] = built_in_policy  # of a room type
    book: RoomBook | None = None  # None: no room has a record
    proxies: Proxies = field(default_factory=Proxies)  # believed about callers' addresses
    excess: Excess = field(default_factory=lambda: Excess(LimitModes(), (KEY_PUSHES,)))
    keys_refused: RareLog = field(default_factory=lambda: RareLog("api_key_refused"))
    rates: Rates = field(init=False)  # of pushes, by bearer key

    def __post_init__(self) -> None:
        settings = self.settings
        self.rates = Rates(settings.key_pushes_per_second, settings.key_pushes_burst)
        self.metrics.add(self._readings)

    async def ask(
        self, service: str, endpoint: str, request: Message, reply_type: type[Reply]
    ) -> Reply:
        """Return the reply to a NATS request.

        Raises BodyTooLarge when NATS would not take it, BusError when nobody answers, RpcError
        when the answer is a refusal.
        """
        payload = request.SerializeToString()
        most = self.bus.client.max_payload - HEADER_RESERVE_BYTES
        if len(payload) > most:
            raise BodyTooLarge(most)
        subject = self.bus.subjects.rpc(service, endpoint)
        answer = await self.bus.call(subject, payload, self.settings.request_seconds)
        return _decode_reply(subject, answer.payload, reply_type)

    def denial(self, right: str, grant: Grant, room: str) -> Denial | None:
        """Return why a member may not hear a room or read its history, None when it may."""
        return room_denial(right, grant.mid, grant.rooms, room, self.policy_of, self.book)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place among the requests that are answered at once. Raises TooManyRequests."""
        if self.running >= self.settings.max_requests:
            self.refused["too_many_requests"] += 1
            raise TooManyRequests(self.settings.max_requests)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def push_wait(self, whose: str) -> float:
        """Count a push with a bearer key; return the seconds until it may come again, 0 for now."""
        wait = self.rates.wait(whose, time.monotonic())
        if not wait or not self.excess.refuses(KEY_PUSHES):
            return 0.0
        self.refused[KEY_PUSHES] += 1
        return wait

    def key_refusal(self, request: Request) -> Answer | None:
        """Return the 401 of a request that does not hold the key; None: it does."""
        refusal = check_bearer(request.headers.get("authorization"), self.api_key)
        if refusal is None:
            return None
        reason = f"key_{refusal.name.lower()}"
        self.refused[reason] += 1
        self.keys_refused.warning(reason=reason, path=request.url.path, address=address_of(request))
        return key_answer(refusal)

    def _readings(self) -> Iterable[Reading]:
        requests: Rows = [
            ((route, str(status)), number) for (route, status), number in self.requests.items()
        ]
        refused: Rows = [((reason,), number) for reason, number in self.refused.items()]
        words = "HTTP requests answered, by route and status"
        yield "goim_http_requests", words, "counter", ("route", "status"), requests
        words = "HTTP requests refused before they reached the router"
        yield "goim_http_refused", words, "counter", ("reason",), refused
        words = "HTTP requests being answered"
        yield "goim_http_running", words, "gauge", (), [((), self.running)]


def key_answer(refusal: KeyRefusal) -> Answer:
    """Return the answer to a request without the right key."""
    return failure(-401, refusal.value, 401)


def too_many_pushes(wait: float) -> str:
    """Return the words of a refusal for so many seconds."""
    return f"too many pushes with this key, the next one in {wait:.1f} s"


def address_of(request: Request) -> str:
    """Return the client's IP address, as Accounting has made it out."""
    return request.client.host if request.client is not None else ""


def response(answer: Answer, close: bool = False) -> Response:
    """Return what Starlette sends; `close` ends the connection after it."""
    headers = {"Content-Type": answer.content_type} if answer.content_type else {}
    if answer.location:
        headers["Location"] = answer.location
    if answer.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if answer.status == TOO_MANY:
        headers["Retry-After"] = "1"
    if close:
        headers["Connection"] = "close"
    return Response(answer.body, answer.status, headers)


def _decode_reply(subject: str, payload: bytes, reply_type: type[Reply]) -> Reply:
    reply = reply_type()
    try:
        reply.ParseFromString(payload)
    except DecodeError:
        words = f"the answer on {subject} can't be read"
        raise RpcError(ANSWER_UNREADABLE, words, "later") from None
    if reply.HasField("error"):
        error = reply.error  # type: ignore[attr-defined]  # every reply in messages.proto has it
        raise RpcError(error.code, error.message, error.retry)
    return reply
