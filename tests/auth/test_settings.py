import pytest

from auth.settings import Settings
from bus.environment import Environment
from bus.errors import SettingsRefused

from .signing import OTHER_SECRET, PUBLIC_BASE64, SECRET


def read(**variables: str) -> Settings:
    environment = Environment(variables)
    settings = Settings.read(environment)
    environment.check()
    return settings


def test_a_secret_is_all_that_must_be_set() -> None:
    rules = read(GOIM_AUTH_SECRET=SECRET).rules
    assert not rules.unsigned
    assert list(rules.tokens.ring.by_kid) == ["1"]
    assert (rules.tokens.audience, rules.tokens.issuer) == ("goimbus", "")
    assert (rules.tokens.leeway_seconds, rules.tokens.max_bytes) == (10, 4096)
    assert rules.max_body_bytes == 8192


def test_secret_and_listed_keys_make_one_ring() -> None:
    keys = f"old:HS256:{OTHER_SECRET},ed:EdDSA:{PUBLIC_BASE64}"
    rules = read(GOIM_AUTH_SECRET=SECRET, GOIM_AUTH_KID="new", GOIM_AUTH_KEYS=keys).rules
    algorithms = {kid: key.algorithm for kid, key in rules.tokens.ring.by_kid.items()}
    assert algorithms == {"new": "HS256", "old": "HS256", "ed": "EdDSA"}
    assert list(read(GOIM_AUTH_KEYS=keys).rules.tokens.ring.by_kid) == ["old", "ed"]


def test_limits_audience_and_issuer_are_settings() -> None:
    tokens = read(
        GOIM_AUTH_SECRET=SECRET,
        GOIM_AUTH_AUDIENCE="site",
        GOIM_AUTH_ISSUER="https://site.example",
        GOIM_AUTH_LEEWAY_SECONDS="0",
        GOIM_AUTH_MAX_TOKEN_BYTES="1000",
        GOIM_AUTH_MAX_BODY_BYTES="2000",
    ).rules
    assert (tokens.tokens.audience, tokens.tokens.issuer) == ("site", "https://site.example")
    assert (tokens.tokens.leeway_seconds, tokens.tokens.max_bytes) == (0, 1000)
    assert tokens.max_body_bytes == 2000
    assert read(GOIM_AUTH_SECRET=SECRET, GOIM_AUTH_AUDIENCE="*").rules.tokens.audience == ""


@pytest.mark.parametrize("keys", ["", " , ", "[]"])
def test_without_any_key_only_open_mode_can_start(keys: str) -> None:
    with pytest.raises(SettingsRefused, match="GOIM_AUTH_SECRET or GOIM_AUTH_KEYS must be set"):
        read(GOIM_AUTH_KEYS=keys)
    assert read(GOIM_AUTH="open", GOIM_AUTH_KEYS=keys).rules.unsigned


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"GOIM_AUTH_SECRET": "x" * 31}, "GOIM_AUTH_SECRET can't be used: key '1' has 31 bytes"),
        ({"GOIM_AUTH": "open", "GOIM_AUTH_SECRET": "x"}, "GOIM_AUTH_SECRET can't be used"),
        ({"GOIM_AUTH_KEYS": "a:RS256:x"}, "GOIM_AUTH_KEYS can't be used: key 'a' must be for"),
        (
            {"GOIM_AUTH_SECRET": SECRET, "GOIM_AUTH_KEYS": f"1:HS256:{OTHER_SECRET}"},
            "GOIM_AUTH_KEYS can't be used: key '1' is there twice",
        ),
        ({"GOIM_AUTH": "off", "GOIM_AUTH_SECRET": SECRET}, "GOIM_AUTH must be one of token, open"),
        (
            {"GOIM_AUTH_SECRET": SECRET, "GOIM_AUTH_LEEWAY_SECONDS": "61"},
            "GOIM_AUTH_LEEWAY_SECONDS must be 0 to 60",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start(
    variables: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsRefused, match=words):
        read(**variables)


def test_settings_print_no_secret() -> None:
    settings = read(GOIM_AUTH_SECRET=SECRET, GOIM_AUTH_KEYS=f"2:HS256:{OTHER_SECRET}")
    assert SECRET not in repr(settings)
    assert OTHER_SECRET not in repr(settings)
