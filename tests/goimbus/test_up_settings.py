import os
import sys
from pathlib import Path

import pytest

from bus.environment import Environment
from bus.errors import SettingsRefused
from goimbus.up_settings import UpSettings


def read(**variables: str) -> UpSettings:
    environment = Environment(variables)
    settings = UpSettings.read(environment)
    environment.check()
    return settings


def test_defaults_are_goims_ports_and_open_logins() -> None:
    settings = read()
    assert settings == UpSettings(data_folder=Path.cwd() / ".goimbus")
    assert settings.listening() == [
        ("PORT", "0.0.0.0", 3102),
        ("GOIM_TCP_PORT", "0.0.0.0", 3101),
        ("GOIM_HTTP_PORT", "127.0.0.1", 3111),
        ("GOIM_NATS_PORT", "127.0.0.1", 4222),
    ]


def test_ports_that_are_off_or_of_running_servers_are_not_listened_on() -> None:
    settings = read(GOIM_TCP_PORT="-1", GOIM_HTTP_PORT="-1", NATS_URL="nats://there", PORT="80")
    assert settings.listening() == [("PORT", "0.0.0.0", 80)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "x"),
        ("GOIM_TCP_PORT", "65536"),
        ("GOIM_NATS_PORT", "-1"),
        ("GOIM_HTTP_PORT", "1.5"),
        ("GOIM_SUBJECT_PREFIX", "a.b"),
        ("GOIM_SUBJECT_PREFIX", "é"),
        ("GOIM_DRAIN_SECONDS", "-1"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=name):
        read(**{name: value})


def test_services_get_the_environment_with_everything_settled() -> None:
    settings = read(PORT="1", GOIM_AUTH="token", WEB_CONCURRENCY="2")
    told = settings.for_services(
        {"PATH": "/bin", "WEB_CONCURRENCY": "2"}, {"GOIM_API_KEY": "k"}, "nats://n", "unix://r"
    )
    assert told["PATH"] == f"{os.path.dirname(sys.executable)}:/bin"
    assert (told["NATS_URL"], told["REDIS_URL"]) == ("nats://n", "unix://r")
    assert (told["PORT"], told["GOIM_TCP_PORT"], told["GOIM_HTTP_PORT"]) == ("1", "3101", "3111")
    assert (told["GOIM_AUTH"], told["GOIM_API_KEY"], told["WEB_CONCURRENCY"]) == ("token", "k", "2")


def test_accounts_need_no_activation_unless_told_otherwise() -> None:
    settings = read()
    assert settings.for_services({}, {}, "", "")["GOIM_ACCOUNT_ACTIVATION"] == "none"
    told = settings.for_services({"GOIM_ACCOUNT_ACTIVATION": "code"}, {}, "", "")
    assert told["GOIM_ACCOUNT_ACTIVATION"] == "code"
