import pytest

from bus.environment import Environment
from bus.errors import SettingsRefused
from store.settings import Settings


def test_without_variables_the_defaults_hold() -> None:
    settings = Settings.read(Environment({}))
    assert (settings.replicas, settings.page_messages, settings.page_bytes) == (1, 500, 524_288)
    assert (settings.cache_bytes, settings.policies) == (67_108_864, "")


def test_variables_are_read() -> None:
    names = {"GOIM_REPLICAS": "3", "GOIM_STORE_CACHE_BYTES": "0", "GOIM_POLICIES": "/p.json"}
    settings = Settings.read(Environment(names))
    assert (settings.replicas, settings.cache_bytes, settings.policies) == (3, 0, "/p.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOIM_REPLICAS", "0"),
        ("GOIM_REPLICAS", "2.5"),
        ("GOIM_STORE_PAGE_MESSAGES", "0"),
        ("GOIM_STORE_PAGE_BYTES", "1"),
        ("GOIM_STORE_CACHE_BYTES", "much"),
        ("GOIM_STORE_MESSAGE_BYTES", "0"),
        ("GOIM_STORE_WAIT_SECONDS", "0"),
        ("GOIM_STORE_SWEEP_SECONDS", "0"),
        ("GOIM_STORE_GRACE_SECONDS", "1"),
        ("GOIM_STORE_FORGET_SECONDS", "1"),
        ("GOIM_DEDUPE_SECONDS", "1"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    environment = Environment({name: value})
    Settings.read(environment)
    with pytest.raises(SettingsRefused, match=name):
        environment.check()


def test_streams_keep_messages_longer_than_ids() -> None:
    names = {"GOIM_DEDUPE_SECONDS": "600", "GOIM_STORE_GRACE_SECONDS": "300"}
    environment = Environment(names)
    Settings.read(environment)
    with pytest.raises(SettingsRefused, match="GOIM_STORE_GRACE_SECONDS"):
        environment.check()
