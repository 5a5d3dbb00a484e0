"""EDGE what stands between a caller and an account: rates, password, access token, role."""

from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from auth.account import Account, State
from auth.account_settings import AccountSettings
from auth.background import Background
from auth.book import Book, Found
from auth.check import AuthRules
from auth.errors import AccountRefused, Reason, Refused
from auth.hashing import Hasher
from auth.names import OPERATOR
from auth.revocations import MemberRule
from auth.slowing import AddressTries, Failures, Tries, network_of, seconds_to_wait, whole_seconds
from auth.tokens import Identity, verify_token


class Member(NamedTuple):
    """The bearer of an access token, and its account."""

    identity: Identity
    found: Found


class Gate:
    """Lets a caller through or raises AccountRefused. Every method may raise BusError."""

    def __init__(
        self,
        settings: AccountSettings,
        rules: AuthRules,
        book: Book,
        hasher: Hasher,
        background: Background,
    ) -> None:
        self.name_tries = Tries(settings.name_tries)
        self.address_tries = AddressTries(settings.address_tries)
        self.registrations = AddressTries(settings.registrations)
        self.codes = Tries(settings.codes)
        self.hasher = hasher
        self.background = background
        self._settings = settings
        self._rules = rules
        self._book = book

    def take(self, tries: Tries, who: str, now: float) -> None:
        """Take a try, or refuse with the seconds to wait."""
        wait = tries.take(who, now)
        if wait > 0:
            raise _slow_down(wait)

    async def check_password(
        self, found: Found | None, name: str, password: str, address: str, now: float
    ) -> Account:
        """Return the account whose password this is, in whatever state; `name` is a digest.

        Refuses with LOGIN_FAILED, in the same time and words for a name that nobody has. Too
        many failures make the name wait, but for addresses that the owner used before.
        """
        self.take(self.address_tries, address, now)
        account = None if found is None else found.account
        known = account is not None and account.knows(address)
        failures = await self._book.failures(name)
        if known:
            self.take(self.name_tries, f"{network_of(address)} {name}", now)
        else:
            self._slow_name(name, failures, now)
        encoded = "" if account is None else account.password
        right = await self.hasher.verify(encoded, password)
        if account is None or found is None or not right:
            if not known:
                self.background.begin(self._book.add_failure(name, now), "add_failure")
            raise AccountRefused(Reason.LOGIN_FAILED)
        self._note_success(found, name, password, address, failures)
        return account

    def check_active(self, account: Account) -> None:
        """Refuse an account that can't be used."""
        if account.state is State.PENDING:
            raise AccountRefused(Reason.NOT_ACTIVATED)
        if account.state is State.DEACTIVATED:
            raise AccountRefused(Reason.DEACTIVATED)

    def identify(self, token: str, address: str, now: float) -> Identity:
        """Return whom an access token is for."""
        if not token:
            raise AccountRefused(Reason.TOKEN_MISSING)
        try:
            identity = verify_token(token, self._rules.tokens, now)
            self._rules.revocations.check(identity)
        except Refused as refused:
            self.take(self.address_tries, address, now)
            raise AccountRefused(Reason.TOKEN_REFUSED, str(refused)) from refused
        return identity

    async def member(self, token: str, address: str, now: float) -> Member:
        """Return the member with this access token, whose account is active."""
        identity = self.identify(token, address, now)
        found = await self._book.by_mid(identity.mid)
        if found is None:
            raise AccountRefused(Reason.ACCOUNT_UNKNOWN)
        self.check_active(found.account)
        account = found.account
        rule = MemberRule(before=account.voided_at, generation=account.generation)
        if rule.voids(identity):
            raise AccountRefused(Reason.TOKEN_REFUSED, "the token is older than a change")
        return Member(identity, found)

    async def operator(self, token: str, now: float) -> int:
        """Return the mid of the operator with this access token; 0 for the API key."""
        key = self._settings.api_key
        if key and compare_digest(_digest(token), _digest(key)):
            return 0
        member = await self.member(token, "", now)
        if member.found.account.role != OPERATOR:
            raise AccountRefused(Reason.NOT_OPERATOR)
        return member.found.account.mid

    def _slow_name(self, name: str, failures: Failures, now: float) -> None:
        self.take(self.name_tries, name, now)
        settings = self._settings
        free = settings.name_tries.burst
        if free and (wait := seconds_to_wait(failures, free, settings.most_wait_seconds, now)) > 0:
            raise _slow_down(wait)

    def _note_success(
        self, found: Found, name: str, password: str, address: str, failures: Failures
    ) -> None:
        account, begin = found.account, self.background.begin
        self.address_tries.give_back(address)
        if failures.count:
            begin(self._book.forget_failures(name), "forget_failures")
        stale = self.hasher.is_outdated(account.password)
        if stale or (address and not account.knows(address)):
            begin(self._renew(found, password if stale else "", address), "renew_account")

    async def _renew(self, found: Found, password: str, address: str) -> None:
        """Note the address; hash the password again where today's hashes are dearer."""
        before = found.account.password
        encoded = await self.hasher.hash(password) if password else ""

        def alter(account: Account) -> None:
            if address:
                account.remember(address)
            if encoded and account.password == before:
                account.password = encoded

        await self._book.change(found, alter)


def _slow_down(wait: float) -> AccountRefused:
    seconds = whole_seconds(wait)
    return AccountRefused(Reason.SLOW_DOWN, f"too many tries: wait {seconds} s", after=seconds)


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="surrogatepass")).digest()
