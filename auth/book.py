"""EDGE accounts, logins and failures in their buckets, by name, mid and login."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from auth.account import (
    Account,
    State,
    decode_account,
    decode_alias,
    encode_account,
    encode_alias,
)
from auth.errors import AccountRefused, Reason
from auth.logins import Login, decode_login, encode_login
from auth.names import name_digest
from auth.slowing import Failures, decode_failures, encode_failures
from bus.bucket import Bucket
from bus.errors import ValueChanged

MOST_ATTEMPTS = 5  # to change a record that others change too
MOST_LIST_ATTEMPTS = 20  # the same for the list of logins, which each login changes
FAILURES_KEPT_SECONDS = 3600  # after the last one
MOST_MID = 2**63 - 1
NAME_HEAD = "name."  # of the keys that hold accounts


class Found(NamedTuple):
    """An account, the digest of its name, and the revision that a change must expect."""

    account: Account
    name: str
    revision: int


class FoundLogin(NamedTuple):
    """A login and its revision."""

    login: Login
    revision: int


@dataclass(frozen=True, slots=True)
class Book:
    """The records. All methods raise BusError when NATS or JetStream is away."""

    accounts: Bucket
    logins: Bucket
    login_seconds: int  # a login that is not refreshed for so long is forgotten
    pending_seconds: int  # the same for an account that is not activated

    async def by_digest(self, name: str) -> Found | None:
        """Return the account that is kept under this digest: that of the first name it had."""
        value = await self.accounts.get(_name_key(name))
        if value is None or decode_alias(value.data) is not None:
            return None
        return Found(decode_account(value.data), name, value.revision)

    async def by_name(self, name: str) -> Found | None:
        """Return the account of a name, however it is spelled."""
        return await self.by_name_digest(name_digest(name))

    async def by_name_digest(self, name: str) -> Found | None:
        """Return the account that has a name of this digest now, whatever it had before."""
        value = await self.accounts.get(_name_key(name))
        if value is None:
            return None
        alias = decode_alias(value.data)
        if alias is None:
            found: Found | None = Found(decode_account(value.data), name, value.revision)
        else:
            found = await self.by_digest(alias)
        is_its_name = found is not None and name_digest(found.account.name) == name
        return found if is_its_name else None

    async def reserve_name(self, found: Found, name: str) -> bool:
        """Let a name lead to the account for ever; tell whether it is new to it.

        Raises AccountRefused where it is somebody else's.
        """
        owner = await self.owner_of(name)
        if owner is None:
            try:
                await self.accounts.put(_name_key(name_digest(name)), encode_alias(found.name), 0)
            except ValueChanged:
                owner = await self.owner_of(name)
            else:
                return True
        if owner != found.name:
            raise AccountRefused(Reason.NAME_TAKEN)
        return False

    async def owner_of(self, name: str) -> str | None:
        """Return under which digest the account is kept that has, or had, a name."""
        digest = name_digest(name)
        value = await self.accounts.get(_name_key(digest))
        return None if value is None else decode_alias(value.data) or digest

    async def by_mid(self, mid: int) -> Found | None:
        """Return the account with this mid."""
        if not 0 < mid <= MOST_MID:
            return None
        value = await self.accounts.get(_mid_key(mid))
        found = None if value is None else await self.by_digest(value.data.decode())
        return found if found is not None and found.account.mid == mid else None

    async def create(self, account: Account) -> Found:
        """Write a new account; a pending one is forgotten unless it is made active in time.

        Raises ValueChanged when the name is taken. A mid that leads to another's name or to
        nothing counts as nobody's, so what a crash in between leaves does no harm.
        """
        name, ttl_seconds = name_digest(account.name), self._ttl(account)
        await self.accounts.put(_mid_key(account.mid), name.encode(), 0, ttl_seconds)
        revision = await self.accounts.put(_name_key(name), encode_account(account), 0, ttl_seconds)
        return Found(account, name, revision)

    async def forget_mid(self, mid: int) -> None:
        """Undo half of a `create` that found the name taken."""
        await self.accounts.delete(_mid_key(mid))

    async def change(self, found: Found, alter: Callable[[Account], object]) -> Found:
        """Apply `alter` to the record, read again when somebody else was quicker.

        Raises AccountRefused, also what `alter` raises.
        """
        for _ in range(MOST_ATTEMPTS):
            account = found.account
            was_pending = account.state is State.PENDING
            alter(account)
            if was_pending and account.state is not State.PENDING:
                await self._keep_mid(found)
            try:
                revision = await self.accounts.put(
                    _name_key(found.name),
                    encode_account(account),
                    found.revision,
                    self._ttl(account),
                )
            except ValueChanged:
                again = await self.by_digest(found.name)
                if again is None:
                    raise AccountRefused(Reason.ACCOUNT_UNKNOWN) from None
                found = again
            else:
                return Found(account, found.name, revision)
        raise AccountRefused(Reason.CHANGED_MEANWHILE)

    async def login(self, login_id: str) -> FoundLogin | None:
        """Return a login."""
        value = await self.logins.get(_login_key(login_id))
        return None if value is None else FoundLogin(decode_login(value.data), value.revision)

    async def save_login(self, login_id: str, login: Login, revision: int) -> None:
        """Write a login. Raises ValueChanged."""
        key = _login_key(login_id)
        await self.logins.put(key, encode_login(login), revision or None, self.login_seconds)

    async def login_ids(self, mid: int) -> list[str]:
        """Return the names of a member's logins, the newest last; some may have ended."""
        value = await self.logins.get(_logins_key(mid))
        return [] if value is None else _ids.decode(value.data)

    async def change_login_ids(
        self, mid: int, alter: Callable[[list[str]], list[str]]
    ) -> list[str]:
        """Change that list; return it. Raises AccountRefused."""
        for _ in range(MOST_LIST_ATTEMPTS):
            value = await self.logins.get(_logins_key(mid))
            before = [] if value is None else _ids.decode(value.data)
            ids = alter(before)
            revision = 0 if value is None else value.revision
            with suppress(ValueChanged):
                await self.logins.put(_logins_key(mid), msgspec.json.encode(ids), revision)
                return ids
        raise AccountRefused(Reason.CHANGED_MEANWHILE)

    async def end_login(self, login_id: str) -> None:
        """Forget a login."""
        await self.logins.delete(_login_key(login_id))

    async def failures(self, name: str) -> Failures:
        """Return how often in a row the password of a name (its digest) was wrong."""
        value = await self.logins.get(_failures_key(name))
        return decode_failures(None if value is None else value.data)

    async def add_failure(self, name: str, now: float) -> None:
        """Count one more; of several in one moment some may count as one."""
        key = _failures_key(name)
        failures = await self.failures(name)
        value = encode_failures(Failures(failures.count + 1, now))
        await self.logins.put(key, value, ttl_seconds=FAILURES_KEPT_SECONDS)

    async def forget_failures(self, name: str) -> None:
        """The password was right."""
        await self.logins.delete(_failures_key(name))

    async def _keep_mid(self, found: Found) -> None:
        """Write again, without a TTL, which name a mid leads to."""
        await self.accounts.put(_mid_key(found.account.mid), found.name.encode())

    def _ttl(self, account: Account) -> int:
        return self.pending_seconds if account.state is State.PENDING else 0


def _name_key(digest: str) -> str:
    return NAME_HEAD + digest


def _mid_key(mid: int) -> str:
    return f"mid.{mid}"


def _login_key(login_id: str) -> str:
    return f"login.{login_id}"


def _logins_key(mid: int) -> str:
    return f"of.{mid}"


def _failures_key(digest: str) -> str:
    return f"failures.{digest}"


_ids = msgspec.json.Decoder(list[str])
