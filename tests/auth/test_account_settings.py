from typing import Any

import pytest

from auth.account_settings import AccountSettings
from auth.keys import KeyRing, make_key
from auth.slowing import Rate
from bus.environment import Environment
from bus.errors import SettingsRefused

from .signing import OTHER_SECRET, PUBLIC_PEM, SECRET

RING = KeyRing.of(
    [
        make_key("ed", "EdDSA", PUBLIC_PEM),
        make_key("1", "HS256", SECRET),
        make_key("2", "HS256", OTHER_SECRET),
    ]
)


def read(is_open: bool = False, ring: KeyRing = RING, **variables: str) -> AccountSettings:
    environment = Environment(variables)
    settings = AccountSettings.read(environment, ring, is_open)
    environment.check()
    return settings


def test_defaults_ask_for_a_code_and_open_live_rooms() -> None:
    settings = read()
    assert (settings.mode, settings.activation) == ("open", "code")
    live, recorded = settings.rooms["user"]
    assert (live.pattern, live.recorded) == ("live://*", False)
    assert (recorded.pattern, recorded.recorded) == ("*", True)
    assert [one.pattern for one in settings.rooms["operator"]] == ["*"]
    assert (settings.accepts, settings.first_mid) == ((1000,), 1_000_000)
    assert (settings.hashing.threads, settings.hashing.memory_kib) == (2, 19_456)


def test_where_guests_get_every_room_users_do_too() -> None:
    assert [one.pattern for one in read(is_open=True).rooms["user"]] == ["*"]


def test_the_first_key_that_can_sign_signs_unless_one_is_named() -> None:
    assert read().key == RING.by_kid["1"]
    assert read(GOIM_ACCOUNT_KID="2").key == RING.by_kid["2"]
    assert read(ring=KeyRing.of([RING.by_kid["ed"]])).key is None
    assert read(ring=KeyRing()).key is None


def test_limits_rooms_and_operations_are_settings() -> None:
    settings = read(
        GOIM_ACCOUNT_NAME_TRIES="5",
        GOIM_ACCOUNT_NAME_TRY_SECONDS="2.5",
        GOIM_ACCOUNT_ADDRESS_TRIES="0",
        GOIM_ACCOUNT_ACCEPTS="1, -2,1000",
        GOIM_ACCOUNT_ROOMS='{"service": ["bots://*"]}',
        GOIM_ACCOUNT_PUSH_URL="https://push.example/",
        GOIM_ACCOUNTS="closed",
    )
    assert settings.name_tries == Rate(5, 2.5)
    assert settings.address_tries.burst == 0
    assert settings.accepts == (1, -2, 1000)
    assert [one.pattern for one in settings.rooms["service"]] == ["bots://*"]
    live, recorded = settings.rooms["user"]
    assert (live.pattern, live.recorded) == ("live://*", False)
    assert (recorded.pattern, recorded.recorded) == ("*", True)
    assert (settings.push_url, settings.mode) == ("https://push.example", "closed")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOIM_ACCOUNTS", "maybe"),
        ("GOIM_ACCOUNT_ACTIVATION", "mail"),
        ("GOIM_ACCOUNT_FIRST_MID", "0"),
        ("GOIM_ACCOUNT_KID", "ed"),
        ("GOIM_ACCOUNT_KID", "3"),
        ("GOIM_ACCOUNT_ACCEPTS", "x"),
        ("GOIM_ACCOUNT_ACCEPTS", "2147483648"),
        ("GOIM_ACCOUNT_ROOMS", "x"),
        ("GOIM_ACCOUNT_ROOMS", '{"king": []}'),
        ("GOIM_ACCOUNT_ROOMS", '{"user": [1]}'),
        ("GOIM_ACCOUNT_ROOMS", '{"user": [{"pattern": 1}]}'),
        ("GOIM_ACCOUNT_HASHERS", "0"),
        ("GOIM_ACCOUNT_NAME_TRY_SECONDS", "0"),
        ("GOIM_REPLICAS", "6"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=name):
        read(False, RING, **{name: value})


def test_settings_print_no_secret() -> None:
    printed: Any = repr(read(GOIM_API_KEY="the key"))
    assert "the key" not in printed
    assert SECRET not in printed
