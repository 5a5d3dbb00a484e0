"""DECIDE what an account is: a record in the bucket, and how it changes.

A record is kept under the hash of its first name; another key leads from its mid to that hash.
A mid never changes. Another name is a key of its own that leads to the record, and stays so: names
are never given to somebody else.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

from auth.names import USER
from auth.slowing import network_of
from schemas import messages_pb2

KNOWN_ADDRESSES = 4  # from which the owner logged in last
ADDRESS_DIGITS = 16


class State(StrEnum):
    """Where an account is in its life."""

    PENDING = "pending"  # waits for its activation code; forgotten when none comes
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


class PendingCode(msgspec.Struct, omit_defaults=True):
    """A code that was sent: its hash, what it is good for, until when (unix seconds)."""

    digest: str
    purpose: str
    expires_at: int


class Account(msgspec.Struct, omit_defaults=True):
    """One account as it is stored; prints without its secrets."""

    mid: int
    name: str
    password: str  # argon2's encoded hash
    created_at: int = 0  # unix seconds
    role: str = USER
    state: State = State.ACTIVE
    contact: str = ""
    code: PendingCode | None = None
    generation: int = 0  # of access tokens: those of an earlier one are void
    logins_generation: int = 0  # logins of an earlier generation are void
    voided_at: float = 0.0  # when the generation rose (unix seconds), for tokens without one
    addresses: list[str] = []  # hashes, the newest last
    names: int = 1  # that it has had; all of them stay taken

    def __repr__(self) -> str:
        return f"Account(mid={self.mid}, role={self.role}, state={self.state})"

    def knows(self, address: str) -> bool:
        """Tell whether the owner has logged in from this address lately."""
        return bool(address) and self._digest(address) in self.addresses

    def remember(self, address: str) -> None:
        """Note an address that the owner logged in from."""
        digest = self._digest(address)
        others = [one for one in self.addresses if one != digest]
        self.addresses = [*others[1 - KNOWN_ADDRESSES :], digest]

    def void_tokens(self, now: float, logins: bool) -> None:
        """Make all access tokens void, and with `logins` the refresh tokens too."""
        self.generation += 1
        self.voided_at = now
        if logins:
            self.logins_generation = self.generation

    def _digest(self, address: str) -> str:
        text = f"{self.mid} {network_of(address)}"
        return sha256(text.encode(errors="replace")).hexdigest()[:ADDRESS_DIGITS]


class _Alias(msgspec.Struct):
    alias: str = ""


def encode_account(account: Account) -> bytes:
    """Write a record."""
    return _encoder.encode(account)


def decode_account(value: bytes) -> Account:
    """Read a record. Raises msgspec.DecodeError."""
    return _decoder.decode(value)


def encode_alias(digest: str) -> bytes:
    """Write that a name leads to the record with this digest."""
    return _encoder.encode({"alias": digest})


def decode_alias(value: bytes) -> str | None:
    """Return where a name leads to, None for a record. Raises msgspec.DecodeError."""
    return _alias_decoder.decode(value).alias or None


def as_message(account: Account) -> messages_pb2.Account:
    """Return what operators and the owner are told."""
    return messages_pb2.Account(
        mid=account.mid,
        name=account.name,
        role=account.role,
        state=account.state.value,
        contact=account.contact,
        created_at=account.created_at,
    )


def event_of(account: Account, what: str, now: float, **more: Any) -> messages_pb2.AccountEvent:
    """Return the event that tells what happened to an account."""
    return messages_pb2.AccountEvent(
        what=what,
        mid=account.mid,
        name=account.name,
        contact=account.contact,
        role=account.role,
        time_ms=int(now * 1000),
        **more,
    )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Account)
_alias_decoder = msgspec.json.Decoder(_Alias)
