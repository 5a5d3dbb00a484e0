"""EDGE what all account calls share: records, gate, signing, events; and the answer to a login."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from auth.account import Account, event_of
from auth.account_settings import AccountSettings
from auth.background import Background
from auth.book import Book, Found
from auth.closing import Closing
from auth.codes import make_code, pending
from auth.errors import AccountRefused, Reason
from auth.events import Events
from auth.gate import Gate
from auth.issuing import IssueRules, issue
from auth.listing import Listing
from auth.logins import Login, RefreshToken, is_void
from auth.mids import Mids
from bus.connection import Bus
from bus.errors import BusError, RpcError
from bus.replies import read_reply
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import Backoff, LoginReply, WeightedReply, WeightedRequest
from schemas.subjects import member_topic

log = structlog.get_logger()

ROUTER_SECONDS = 1.0  # for its word on gateways, asked while the password is checked
MOST_ADDRESS = 64  # characters that count: an IPv6 address with its scope
BACKOFF = Backoff(max_delay=300, base_delay=3, factor=1.8, jitter=0.3)  # goim's
TOO_MANY_LOGINS = "too many logins: the one not used for longest has ended"
PASSWORD_CHANGED = "the password was changed"


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that an account call may need. `clock`: unix seconds."""

    bus: Bus
    settings: AccountSettings
    issue_rules: IssueRules
    book: Book
    mids: Mids
    gate: Gate
    closing: Closing
    events: Events
    listing: Listing
    background: Background
    clock: Callable[[], float]

    async def send_code(self, found: Found, purpose: str, what: str, address: str) -> None:
        """Make a code, keep its hash, and let it leave as an event. Raises AccountRefused."""
        now = self.clock()
        code, expires_at = make_code(), int(now) + self.settings.code_seconds

        def alter(account: Account) -> None:
            account.code = pending(code, purpose, expires_at)

        changed = await self.book.change(found, alter)
        event = event_of(
            changed.account, what, now, code=code, code_expires_at=expires_at, address=address
        )
        await self.events.send(event)

    async def tell(self, account: Account, what: str, **more: Any) -> None:
        """Publish what has happened to an account."""
        await self.events.tell(event_of(account, what, self.clock(), **more))

    async def end_all_logins(self, found: Found, alter: Callable[[Account], object]) -> Found:
        """Change an account, and end all that its member had before."""
        now = self.clock()

        def alter_and_end(account: Account) -> None:
            alter(account)
            account.void_tokens(now, logins=True)

        changed = await self.book.change(found, alter_and_end)
        await self.closing.void_tokens(changed.account)
        return changed

    async def find(self, mid: int, name: str) -> Found:
        """Return the account that an operator means. Raises AccountRefused."""
        found = await (self.book.by_mid(mid) if mid else self.book.by_name(name))
        if found is None or (mid and name and (await self.book.by_name(name)) != found):
            raise AccountRefused(Reason.ACCOUNT_UNKNOWN)
        return found

    async def begin_login(self, login_id: str, login: Login) -> None:
        """Keep a new login; of a member with too many the one not used for longest ends."""
        most = self.settings.most_logins

        def note(ids: list[str]) -> list[str]:
            return [*ids, login_id]

        noted, _ = await asyncio.gather(
            self.book.change_login_ids(login.mid, note),
            self.book.save_login(login_id, login, 0),
        )
        if len(noted) > most:
            self.background.begin(self._end_beyond(login.mid, most), "end_logins")

    async def logins_of(self, found: Found) -> dict[str, Login]:
        """Return the logins of a member that are good, the last used first."""
        ids = await self.book.login_ids(found.account.mid)
        held = await asyncio.gather(*(self.book.login(login_id) for login_id in ids))
        good = {
            login_id: one.login
            for login_id, one in zip(ids, held, strict=True)
            if one is not None and not is_void(one.login, found.account)
        }
        return dict(sorted(good.items(), key=lambda item: -item[1].rotated_at))

    async def end_login(self, login_id: str, login: Login, now: float, words: str) -> None:
        """End a login: its tokens are void, its connections are cut."""
        await self.book.end_login(login_id)
        await self.closing.revoke_token(login_id, now)
        self.closing.close_member(login.mid, CloseCode.TOKEN_REFUSED, words, login_id)
        found = await self.book.by_digest(login.name)
        if found is not None:
            await self.tell(found.account, "login_ended")

    def close_for_new_token(self, mid: int, reason: str) -> None:
        """Cut a member's connections; they may come back with a new token."""
        self.closing.close_member(mid, CloseCode.TOKEN_EXPIRED, reason)

    def connecting(self, platform: str, address: str) -> "asyncio.Task[WeightedReply]":
        """Ask the router which gateways to try, beside what else is to be done."""
        return asyncio.create_task(self._connecting(platform, address))

    def login_reply(
        self,
        account: Account,
        login: Login,
        token: RefreshToken,
        connect: WeightedReply,
    ) -> LoginReply:
        """Return all that a client needs. Raises AccountRefused without a key to sign with."""
        now = self.clock()
        issued = issue(account, token.login_id, login, self.issue_rules, now)
        return LoginReply(
            mid=account.mid,
            name=account.name,
            role=account.role,
            token=issued.token,
            expires_at=issued.expires_at,
            auth=issued.auth_json,
            connect=connect,
            push_subject=self.bus.subjects.push(member_topic(account.mid), "").rstrip("."),
            push_url=f"{self.settings.push_url}/goim/push/mids?mids={account.mid}",
            refresh_token=token.text(),
            refresh_expires_at=int(login.rotated_at) + self.settings.refresh_seconds,
        )

    def check_can_sign(self) -> None:
        """Refuse before anything is done where no token could be made in the end."""
        if self.issue_rules.key is None:
            raise AccountRefused(Reason.NO_SIGNING_KEY)

    async def _end_beyond(self, mid: int, most: int) -> None:
        found = await self.book.by_mid(mid)
        if found is None:
            return
        good = await self.logins_of(found)
        for login_id in [*good][most:]:
            await self.end_login(login_id, good[login_id], self.clock(), TOO_MANY_LOGINS)
            self.closing.logins_ended += 1
        kept, known = {*[*good][:most]}, {*await self.book.login_ids(mid)}

        def keep(ids: list[str]) -> list[str]:
            return [one for one in ids if one in kept or one not in known]

        await self.book.change_login_ids(mid, keep)

    async def _connecting(self, platform: str, address: str) -> WeightedReply:
        request = WeightedRequest(platform=platform, address=address).SerializeToString()
        subject = self.bus.subjects.rpc("nodes", "weighted")
        try:
            return read_reply(await self.bus.call(subject, request, ROUTER_SECONDS), WeightedReply)
        except (BusError, RpcError) as error:
            log.debug("gateways_unknown", error=str(error))
            return WeightedReply(backoff=BACKOFF)


def caller_address(address: str) -> str:
    """Return what counts of the address that a request tells."""
    return address[:MOST_ADDRESS]
