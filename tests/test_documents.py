"""What the documents say is so: settings and defaults as in the code."""

import re
from pathlib import Path
from typing import Any

import pytest

from auth.settings import Settings as AuthSettings
from bus.environment import Environment, Secret
from gateway.settings import Settings as GatewaySettings
from goimbus.up_settings import UpSettings
from router.settings import Settings as RouterSettings
from store.settings import Settings as StoreSettings

ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \| (?:`([^`]*)`|) *\| .+ \|$", re.MULTILINE)


class Recorder(Environment):
    """An environment in which nothing is set, that notes what is asked for."""

    def __init__(self) -> None:
        super().__init__({"GOIM_AUTH_SECRET": "x" * 32})
        self.asked: dict[str, Any] = {}

    def text(self, name: str, default: str = "", choices: tuple[str, ...] = ()) -> str:
        self.asked.setdefault(name, default)
        return super().text(name, default, choices)

    def secret(self, name: str) -> Secret:
        self.asked.setdefault(name, "")
        return super().secret(name)

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        self.asked.setdefault(name, ",".join(default))
        return super().texts(name, default)

    def integer(self, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
        self.asked.setdefault(name, default)
        return super().integer(name, default, least, most)

    def number(self, name: str, default: float, least: float = 0, most: float = 1e12) -> float:
        self.asked.setdefault(name, default)
        return super().number(name, default, least, most)

    def flag(self, name: str, default: bool = False) -> bool:
        self.asked.setdefault(name, str(default).lower())
        return super().flag(name, default)


@pytest.fixture
def documented(checkout: Path) -> dict[str, str]:
    text = (checkout / "docs" / "settings.md").read_text()
    return {found[1]: found[2] or "" for found in ROW.finditer(text)}


def asked_by(*kinds: Any) -> dict[str, str]:
    recorder = Recorder()
    for kind in kinds:
        kind.read(recorder)
    return {
        name: f"{default:g}" if isinstance(default, float) else str(default)
        for name, default in recorder.asked.items()
    }


def test_every_setting_is_documented_and_nothing_else(documented: dict[str, str]) -> None:
    asked = asked_by(UpSettings, GatewaySettings, AuthSettings, RouterSettings, StoreSettings)
    assert sorted(documented) == sorted(asked)


def test_the_documented_defaults_are_those_of_the_code(documented: dict[str, str]) -> None:
    asked = asked_by(GatewaySettings, AuthSettings, RouterSettings, StoreSettings)
    secret = {"REDIS_URL": "redis://127.0.0.1:6379"}
    differing = {
        name: (documented[name], default)
        for name, default in {**asked, **secret}.items()
        if name in documented and documented[name] != default
    }
    assert not differing
