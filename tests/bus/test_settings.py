import pytest

from bus.environment import Environment
from bus.errors import SettingsRefused
from bus.settings import DEFAULT, BusSettings, is_nats_url


def read(**variables: str) -> BusSettings:
    environment = Environment(variables)
    settings = BusSettings.read(environment)
    environment.check()
    return settings


def test_nothing_set_gives_the_defaults() -> None:
    assert read() == DEFAULT == BusSettings()


def test_each_variable_is_read() -> None:
    settings = read(
        NATS_URL="nats://a:4222,b:4223",
        NATS_CREDENTIALS="/run/user.creds",
        NATS_DIRECT="0",
        GOIM_SUBJECT_PREFIX="chat2",
        GOIM_NATS_PING_SECONDS="1.5",
        GOIM_NATS_QUEUED_BYTES="100000",
        GOIM_NATS_REQUESTS="7",
        GOIM_NATS_INBOX_PREFIX="_INBOX_gw",
        GOIM_REQUEST_SECONDS="2",
        GOIM_LOG_FORMAT="json",
        GOIM_LOG_LEVEL="debug",
        GOIM_METRICS_PORT="9100",
        GOIM_METRICS_HOST="0.0.0.0",
    )
    assert settings == BusSettings(
        nats_url="nats://a:4222,b:4223",
        nats_credentials="/run/user.creds",
        prefix="chat2",
        ping_seconds=1.5,
        request_seconds=2,
        max_queued_bytes=100_000,
        max_requests=7,
        inbox_prefix="_INBOX_gw",
        log_format="json",
        log_level="debug",
        metrics_port=9100,
        metrics_host="0.0.0.0",
        direct=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NATS_URL", "http://host:1"),
        ("NATS_URL", "nats://:4222"),
        ("NATS_URL", "nats://host:port"),
        ("NATS_URL", "nats://host,,"),
        ("NATS_DIRECT", "maybe"),
        ("GOIM_SUBJECT_PREFIX", "a.b"),
        ("GOIM_SUBJECT_PREFIX", "Goim"),
        ("GOIM_SUBJECT_PREFIX", "x" * 33),
        ("GOIM_NATS_INBOX_PREFIX", "a.*"),
        ("GOIM_NATS_PING_SECONDS", "0"),
        ("GOIM_NATS_QUEUED_BYTES", "5"),
        ("GOIM_LOG_FORMAT", "xml"),
        ("GOIM_METRICS_PORT", "70000"),
    ],
)
def test_a_bad_value_is_refused_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=name):
        read(**{name: value})


@pytest.mark.parametrize(
    "url", ["nats://h:4222", "tls://h", "h:4222", "h", " nats://user:pw@h:1 ", "nats://[::1]:4222"]
)
def test_what_nats_py_takes_for_an_address_is_one(url: str) -> None:
    assert is_nats_url(url)


def test_a_password_in_the_url_does_not_print() -> None:
    assert "secret" not in repr(BusSettings(nats_url="nats://user:secret@host:4222"))
