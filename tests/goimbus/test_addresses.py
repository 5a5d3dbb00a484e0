from pathlib import Path

import pytest

from bus.errors import SettingsRefused
from goimbus.addresses import Addresses


def test_they_are_those_of_goimbus_up_where_nothing_is_set() -> None:
    addresses = Addresses.read({})
    assert addresses.http_url == "http://127.0.0.1:3111"
    assert addresses.websocket_url == "ws://127.0.0.1:3102/sub"
    assert addresses.bus.nats_url == "nats://127.0.0.1:4222"
    assert addresses.data_folder == Path(".goimbus").absolute()


def test_ports_and_a_hosted_nats_are_taken_from_the_environment() -> None:
    variables = {"PORT": "1", "GOIM_HTTP_PORT": "2", "GOIM_NATS_PORT": "3", "GOIM_DATA_DIR": "/d"}
    addresses = Addresses.read(variables)
    assert addresses.http_url == "http://127.0.0.1:2"
    assert addresses.websocket_url == "ws://127.0.0.1:1/sub"
    assert addresses.bus.nats_url == "nats://127.0.0.1:3"
    assert addresses.data_folder == Path("/d")
    hosted = Addresses.read(
        {**variables, "NATS_URL": "nats://far:4222", "GOIM_HTTP_HOST": "10.0.0.1"}
    )
    assert hosted.bus.nats_url == "nats://far:4222"
    assert hosted.http_url == "http://10.0.0.1:2"


def test_all_addresses_of_a_host_are_reached_by_loopback() -> None:
    assert Addresses.read({"GOIM_HTTP_HOST": "0.0.0.0"}).http_url == "http://127.0.0.1:3111"


def test_a_bad_setting_is_named() -> None:
    with pytest.raises(SettingsRefused, match="PORT must be"):
        Addresses.read({"PORT": "x"})
