import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.account import (
    KNOWN_ADDRESSES,
    Account,
    State,
    as_message,
    decode_account,
    encode_account,
    event_of,
)
from auth.codes import ACTIVATION, pending


def account() -> Account:
    return Account(mid=7, name="Ann", password="$argon2id$x", contact="ann@site.example")


def test_a_record_is_read_as_it_was_written() -> None:
    one = account()
    one.code = pending("12345-67890", ACTIVATION, 5)
    one.state = State.PENDING
    one.remember("192.0.2.1")
    assert decode_account(encode_account(one)) == one


@given(st.binary(max_size=60))
def test_a_value_that_is_no_record_is_an_error(value: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_account(value)


def test_it_remembers_the_newest_addresses_as_hashes() -> None:
    one = account()
    addresses = [f"192.0.2.{number}" for number in range(6)]
    for address in addresses:
        one.remember(address)
    one.remember(addresses[2])
    assert len(one.addresses) == KNOWN_ADDRESSES
    known = [address for address in addresses if one.knows(address)]
    assert known == [addresses[2], *addresses[3:]]
    assert not one.knows("")
    assert "192.0.2" not in encode_account(one).decode()
    other = Account(mid=8, name="Bob", password="x", addresses=one.addresses)
    assert not other.knows(addresses[5])


def test_neither_message_nor_event_nor_repr_holds_a_secret() -> None:
    one = account()
    told = f"{as_message(one)} {event_of(one, 'activated', 5.5, by=3)} {one!r}"
    assert "argon2" not in told
    assert event_of(one, "activated", 5.5, by=3).time_ms == 5500
