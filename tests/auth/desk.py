"""For the account tests: a service that keeps accounts, asked over NATS as anyone would."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from auth.account_settings import AccountSettings
from auth.accounts import Accounts, open_accounts
from auth.bus import serve_checks
from auth.check import AuthRules
from auth.grant import RoomGrant
from auth.hashing import HashRules
from auth.keys import KeyRing, make_key
from auth.responder import Responder
from auth.revocations import Revocations
from auth.slowing import Rate
from auth.tokens import TokenRules
from auth.watching import RevocationWatch
from bus.bucket import Bucket
from bus.connection import Bus
from bus.environment import Secret
from bus.errors import RpcError
from bus.service import Service
from schemas.messages_pb2 import AccountEvent
from tests.bus.conftest import PATIENT_SECONDS

from .signing import NOW, SECRET

API_KEY = "the API key of the tests"
PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.1"
KEY = make_key("1", "HS256", SECRET)
NO_LIMIT = Rate(0, 1.0)
CHEAP = HashRules(threads=2, waiting=200, memory_kib=8, rounds=1)
SETTINGS = AccountSettings(
    activation="none",
    api_key=Secret(API_KEY),
    hashing=CHEAP,
    key=KEY,
    rooms={
        "user": [RoomGrant("live://*", True, True, True), RoomGrant("news://*", True)],
        "operator": [RoomGrant("*", True, True, True)],
    },
    push_url="https://push.example",
    name_tries=NO_LIMIT,
    address_tries=NO_LIMIT,
    registrations=NO_LIMIT,
    codes=NO_LIMIT,
)
TOKENS = TokenRules(KeyRing.of([KEY]), audience="goimbus")

Reply = TypeVar("Reply", bound=Message)


@dataclass
class Clock:
    """Unix seconds that pass when a test says so."""

    now: float = float(NOW)

    def __call__(self) -> float:
        return self.now


@dataclass
class AccountService:
    """One auth process, inside the test."""

    bus: Bus
    accounts: Accounts
    service: Service
    watch: RevocationWatch
    responder: Responder

    async def close(self) -> None:
        """End it as `python -m auth` does."""
        await self.service.stop()
        await self.accounts.close()
        await self.watch.close()


async def start_accounts(
    bus: Bus, settings: AccountSettings, clock: Callable[[], float], tokens: TokenRules = TOKENS
) -> AccountService:
    """Start one more process on the bus."""
    rules = AuthRules(tokens, revocations=Revocations())
    revoked = Bucket(bus, "REVOKED", msg_ttl=True)
    watch = RevocationWatch(revoked, rules.revocations)
    await watch.load()
    accounts = await open_accounts(bus, settings, rules, revoked, clock)
    responder = Responder(rules, clock)
    service = serve_checks(bus, responder, accounts)
    await bus.flush()
    return AccountService(bus, accounts, service, watch, responder)


@dataclass
class Desk:
    """The processes that answer, a clock, and what was published as events."""

    bus: Bus
    clock: Clock = field(default_factory=Clock)
    services: list[AccountService] = field(default_factory=list)
    events: list[AccountEvent] = field(default_factory=list)

    async def start(self, tokens: TokenRules = TOKENS, **changes: Any) -> AccountService:
        """Start a process with some settings changed."""
        if not self.services:
            self.bus.subscribe(self.bus.subjects.rpc("event", "account.>"), self._take)
        service = await start_accounts(self.bus, replace(SETTINGS, **changes), self.clock, tokens)
        self.services.append(service)
        return service

    async def call(self, call: str, /, **fields: Any) -> dict[str, Any]:
        """Return the answer, asked in JSON as by the `nats` CLI. Raises RpcError."""
        subject = self.bus.subjects.rpc("accounts", call)
        reply = await self.bus.call(subject, json.dumps(fields).encode())
        answer: dict[str, Any] = json.loads(reply.payload)
        if error := answer.get("error"):
            raise RpcError(
                error["code"],
                error["message"],
                error["retry"],
                error["reason"],
                error.get("after", 0),
            )
        return answer

    async def reason(self, call: str, /, **fields: Any) -> str:
        """Return the stable word of a refusal; `ok` when there is none."""
        try:
            await self.call(call, **fields)
        except RpcError as refused:
            return refused.reason
        return "ok"

    async def register(self, name: str = "Ann", **fields: Any) -> int:
        """Make an account and return its mid."""
        answer = await self.call("register", name=name, password=PASSWORD, **fields)
        return int(answer["mid"])

    async def login(self, name: str = "Ann", **fields: Any) -> dict[str, Any]:
        """Log in with the password of all tests."""
        return await self.call("login", **{"name": name, "password": PASSWORD} | fields)

    async def operator_token(self, name: str = "Olga") -> str:
        """Make an operator and return its access token."""
        await self.register(name, role="operator", token=API_KEY)
        return str((await self.login(name))["token"])

    async def check(self, body: str) -> dict[str, Any]:
        """Ask `goim.auth.check` about an auth body, after what is revoked has come through."""
        for one in self.services:
            await one.watch.catch_up(PATIENT_SECONDS)
        subject = self.bus.subjects.rpc("auth", "check")
        reply = await self.bus.call(subject, json.dumps({"token": body}).encode())
        grant: dict[str, Any] = json.loads(reply.payload)
        return grant

    async def settled(self) -> None:
        """Return when nothing goes on beside."""
        for one in self.services:
            await one.accounts.desk.background.finish()
            await one.accounts.desk.closing.finish()
        await self.bus.flush()

    async def event(self, what: str) -> AccountEvent:
        """Return the newest event of that kind."""
        await self.settled()
        return next(one for one in reversed(self.events) if one.what == what)

    def _take(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        self.events.append(ParseDict(json.loads(payload), AccountEvent()))


def as_dict(message: Message) -> dict[str, Any]:
    """Return a message as its JSON says it."""
    values: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return values
