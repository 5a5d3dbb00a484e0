"""Settings from environment variables: typed, bounded, all problems told at once."""

from collections.abc import Mapping
from typing import Self

from bus.errors import SettingsRefused


class Secret(str):
    """A text that prints as stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self else "''"


class Environment:
    """Reads variables and collects what is wrong with them; `check` raises SettingsRefused.

    environment = Environment(os.environ)
    port = environment.integer("PORT", 3102, least=1, most=65535)
    environment.check()
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[str] = []

    def text(self, name: str, default: str = "", choices: tuple[str, ...] = ()) -> str:
        """Return a text, one of `choices` where given."""
        value = self._variables.get(name, "") or default
        if choices and value not in choices:
            self.refuse(name, f"must be one of {', '.join(choices)}, not {value!r}")
            return default
        return value

    def secret(self, name: str) -> Secret:
        """Return a text that must not be printed."""
        return Secret(self._variables.get(name, ""))

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a comma-separated list without blanks."""
        value = self._variables.get(name, "")
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        return parts or default

    def integer(self, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
        """Return a whole number within its bounds."""
        number = self.number(name, default, least, most)
        if number != int(number):
            self.refuse(name, f"must be a whole number, not {number:g}")
        return int(number)

    def number(self, name: str, default: float, least: float = 0, most: float = 1e12) -> float:
        """Return a number within its bounds."""
        value = self._variables.get(name, "")
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            self.refuse(name, f"must be a number, not {value!r}")
            return default
        if not least <= number <= most:
            self.refuse(name, f"must be {least:g} to {most:g}, not {value}")
            return default
        return number

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true for 1, true, yes, on; false for 0, false, no, off."""
        value = self._variables.get(name, "").lower()
        if not value:
            return default
        if value not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            self.refuse(name, f"must be true or false, not {value!r}")
        return value in ("1", "true", "yes", "on")

    def refuse(self, name: str, why: str) -> None:
        """Note a problem with a variable."""
        self._problems.append(f"{name} {why}")

    def check(self) -> Self:
        """Raise SettingsRefused when anything was wrong."""
        if self._problems:
            raise SettingsRefused(self._problems)
        return self
