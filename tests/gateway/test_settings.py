"""What the environment says, with all that is wrong in it told at once."""

from dataclasses import fields
from pathlib import Path

import pytest

from bus.environment import Environment
from bus.errors import SettingsRefused
from gateway.settings import Limits, Settings
from tests.gateway.certificates import write_certificate


def read(**variables: str) -> Settings:
    environment = Environment(variables)
    settings = Settings.read(environment)
    environment.check()
    return settings


def problems(**variables: str) -> list[str]:
    with pytest.raises(SettingsRefused) as caught:
        read(**variables)
    return caught.value.problems


def test_nothing_must_be_set() -> None:
    settings = read()
    assert settings == Settings()
    assert (settings.port, settings.tcp_port, settings.http_port) == (3102, -1, -1)
    assert settings.origins == ()


def test_every_limit_has_its_variable() -> None:
    variables = {f"GOIM_MAX_{field.name.upper()}": "7" for field in fields(Limits)}
    limits = read(**variables).limits
    assert {getattr(limits, field.name) for field in fields(Limits)} == {7}
    assert isinstance(limits.connections, int)


def test_ports_and_lists_are_read() -> None:
    settings = read(
        PORT="80",
        GOIM_TCP_PORT="3101",
        GOIM_HTTP_PORT="3111",
        WEB_CONCURRENCY="4",
        GOIM_ORIGINS="https://a.example, https://b.example,",
        GOIM_PUBLIC_ADDRESSES="1.2.3.4",
        GOIM_TEXT_MESSAGES="no",
        GOIM_API_KEY="secret",
    )
    assert (settings.port, settings.tcp_port, settings.http_port) == (80, 3101, 3111)
    assert settings.workers == 4
    assert settings.origins == ("https://a.example", "https://b.example")
    assert settings.public_addresses == ("1.2.3.4",)
    assert not settings.text_messages
    assert "secret" not in repr(settings)


def test_any_page_may_connect_only_in_open_mode() -> None:
    assert read(GOIM_AUTH="open").origins == ("*",)
    assert read(GOIM_AUTH="open", GOIM_ORIGINS="https://a.example").origins == (
        "https://a.example",
    )


def test_a_tls_port_needs_a_certificate_that_can_be_used(tmp_path: Path) -> None:
    for port in ("GOIM_WSS_PORT", "GOIM_TLS_TCP_PORT"):
        assert problems(**{port: "3103"}) == [
            "GOIM_TLS_CERTIFICATE must be set where a TLS port is"
        ]
    certificate, key = write_certificate(tmp_path)
    settings = read(
        GOIM_WSS_PORT="3103", GOIM_TLS_CERTIFICATE=str(certificate), GOIM_TLS_KEY=str(key)
    )
    assert settings.wss_port == 3103
    for wrong in ({"GOIM_TLS_CERTIFICATE": "/nowhere.pem"}, {"GOIM_TLS_KEY": "/nowhere.pem"}):
        right = {"GOIM_TLS_CERTIFICATE": str(certificate), "GOIM_TLS_KEY": str(key)}
        (problem,) = problems(**{**right, **wrong})
        assert problem.startswith("GOIM_TLS_CERTIFICATE or GOIM_TLS_KEY can't be used")
    key.write_text("no key")
    (problem,) = problems(GOIM_TLS_CERTIFICATE=str(certificate), GOIM_TLS_KEY=str(key))
    assert "can't be used" in problem


def test_workers_share_ports_so_they_must_be_told_which() -> None:
    assert problems(WEB_CONCURRENCY="2", PORT="0") == [
        "WEB_CONCURRENCY can't be over 1 where a port is 0: workers share ports"
    ]


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        PORT="70000",
        GOIM_TCP_PORT="-2",
        WEB_CONCURRENCY="x",
        GOIM_MAX_CONNECTIONS="0",
        GOIM_MAX_MESSAGE_SECONDS="0",
        GOIM_TEXT_MESSAGES="maybe",
        GOIM_PRESENCE_SECONDS="5",
        GOIM_AUTH="none",
    )
    assert [problem.partition(" ")[0] for problem in found] == [
        "GOIM_AUTH",
        "GOIM_MAX_CONNECTIONS",
        "GOIM_MAX_MESSAGE_SECONDS",
        "PORT",
        "GOIM_TCP_PORT",
        "WEB_CONCURRENCY",
        "GOIM_TEXT_MESSAGES",
        "GOIM_PRESENCE_SECONDS",
    ]
