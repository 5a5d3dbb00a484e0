"""EDGE the account calls on NATS, `goim.accounts.<call>`: one for each of schemas/account_calls.py.

A subject answered here needs the buckets of book.py; `open_accounts` makes them.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import structlog
from google.protobuf.message import Message

from auth.account_settings import AccountSettings
from auth.background import Background
from auth.book import Book
from auth.check import AuthRules
from auth.closing import Closing
from auth.desk import Desk
from auth.entering import Entering
from auth.errors import AccountRefused, Reason
from auth.events import Events
from auth.gate import Gate
from auth.hashing import Hasher
from auth.issuing import IssueRules
from auth.listing import Listing
from auth.managing import Managing
from auth.mids import Mids, MidsContended
from auth.naming import Naming
from auth.own_account import OwnAccount
from auth.passwords import Passwords
from auth.registering import Registering
from bus.bucket import Bucket
from bus.connection import Bus
from bus.errors import BusError, ValueChanged
from bus.metrics import Reading
from bus.service import Service
from schemas.account_calls import ACCOUNT_CALLS

log = structlog.get_logger()

# What a call can't mend: NATS is away, or a value in a bucket is not what we wrote.
FAULTS = (BusError, ValueChanged, MidsContended, msgspec.DecodeError, UnicodeDecodeError)

Rows = list[tuple[tuple[str, ...], float]]


class Accounts:
    """Serves the calls; `close` ends what they began."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.answered: Counter[str] = Counter()  # by call
        self.refused: Counter[tuple[str, str]] = Counter()  # by call and reason
        self._parts = (
            Registering(desk),
            Entering(desk),
            Passwords(desk),
            Managing(desk),
            Naming(desk),
            OwnAccount(desk),
        )

    def serve(self, service: Service) -> None:
        """Begin to answer."""
        for call in ACCOUNT_CALLS:
            handler = self._handler(call.name)
            subject = call.subject(self.desk.bus.subjects)
            name = f"{call.service}_{call.name}"
            service.serve(name, subject, call.request, call.reply, handler)

    async def close(self) -> None:
        """End what goes on beside."""
        await self.desk.background.finish()
        await self.desk.closing.finish()
        await self.desk.listing.close()
        self.desk.gate.hasher.close()

    def readings(self) -> Iterable[Reading]:
        """Return the counters for bus.metrics."""
        desk, gate = self.desk, self.desk.gate
        answered: Rows = [((call,), number) for call, number in self.answered.items()]
        yield "goim_account_calls", "Account calls carried out", "counter", ("call",), answered
        refused: Rows = [(labels, number) for labels, number in self.refused.items()]
        label = ("call", "reason")
        yield "goim_account_refusals", "Account calls refused", "counter", label, refused
        tries = {
            "name": gate.name_tries,
            "address": gate.address_tries,
            "register": gate.registrations,
            "code": gate.codes,
        }
        slowed: Rows = [((kind,), one.counts["refused"]) for kind, one in tries.items()]
        yield "goim_account_slowed", "Tries over a rate", "counter", ("kind",), slowed
        forgotten: Rows = [((kind,), one.counts["forgotten"]) for kind, one in tries.items()]
        words = "Rates forgotten because there were too many"
        yield "goim_account_rates_forgotten", words, "counter", ("kind",), forgotten
        for name, words, number in (
            ("goim_account_hashes", "Passwords hashed or compared", gate.hasher.hashed),
            ("goim_account_hash_seconds", "Time for that, waiting included", gate.hasher.seconds),
            ("goim_account_hashes_refused", "Passwords too many at once", gate.hasher.refused),
            ("goim_account_events", "Events published", desk.events.counts.total()),
            ("goim_account_events_lost", "Events that could not be stored", desk.events.lost),
            ("goim_account_logins_ended", "Logins over the limit", desk.closing.logins_ended),
            ("goim_account_closings", "Commands to cut connections", desk.closing.commands),
            ("goim_account_closings_lost", "Closings that did not go out", desk.closing.unsent),
            ("goim_account_tasks_failed", "Failed beside", desk.background.counts["failed"]),
            ("goim_account_tasks_refused", "Too many", desk.background.counts["not_begun"]),
        ):
            yield name, words, "counter", (), [((), number)]

    def _handler(self, name: str) -> Callable[[Any], Awaitable[Message]]:
        (method,) = (getattr(part, name) for part in self._parts if hasattr(part, name))

        async def handle(request: Message) -> Message:
            try:
                reply: Message = await method(request)
            except AccountRefused as refused:
                self.refused[name, refused.reason] += 1
                raise
            except FAULTS as error:
                log.warning("account_call_failed", call=name, error=str(error))
                self.refused[name, Reason.UNAVAILABLE.name.lower()] += 1
                raise AccountRefused(Reason.UNAVAILABLE) from None
            self.answered[name] += 1
            return reply

        return handle


async def open_accounts(
    bus: Bus,
    settings: AccountSettings,
    rules: AuthRules,
    revoked: Bucket,
    clock: Callable[[], float] = time.time,
) -> Accounts:
    """Make the buckets where they are not there; waits for JetStream. Raises SettingsRefused."""
    accounts, logins = (
        Bucket(bus, kind, settings.replicas, msg_ttl=True) for kind in ("ACCOUNT", "LOGIN")
    )
    for bucket in (accounts, logins):
        await bucket.ensure()
    events = Events(bus)
    await events.ensure(settings.replicas)
    book = Book(accounts, logins, settings.refresh_seconds, settings.pending_seconds)
    background = Background()
    gate = Gate(settings, rules, book, Hasher(settings.hashing), background)
    tokens = rules.tokens
    issue_rules = IssueRules(
        key=settings.key,
        audience=tokens.audience,
        issuer=tokens.issuer,
        seconds=settings.token_seconds,
        accepts=settings.accepts,
        rooms=settings.rooms,
    )
    desk = Desk(
        bus=bus,
        settings=settings,
        issue_rules=issue_rules,
        book=book,
        mids=Mids(accounts, settings.first_mid),
        gate=gate,
        closing=Closing(bus, revoked, settings.token_seconds + tokens.leeway_seconds),
        events=events,
        listing=Listing(accounts),
        background=background,
        clock=clock,
    )
    return Accounts(desk)
