"""EDGE limits of rates: what is over one is refused or, where the setting says so, only counted.

A limit that is new to a site is tried in `dry-run` first: nothing is refused, what would have been
is counted under its name, and logged once in a while.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bus.environment import Environment
from bus.logs import RareLog
from bus.metrics import Reading

ENFORCE, DRY_RUN = "enforce", "dry-run"
MODES = (ENFORCE, DRY_RUN)
CONNECTION_FRAMES = "connection_frames"
ADDRESS_FRAMES = "address_frames"
ADDRESS_MESSAGES = "address_messages"
KEY_PUSHES = "key_pushes"
MEMBER_MESSAGES = "member_messages"
MEMBER_CASTS = "member_casts"
ROOM_MESSAGES = "room_messages"
OF_GATEWAY = (CONNECTION_FRAMES, ADDRESS_FRAMES, ADDRESS_MESSAGES, KEY_PUSHES)
OF_ROUTER = (MEMBER_MESSAGES, MEMBER_CASTS, ROOM_MESSAGES)


@dataclass(frozen=True, slots=True)
class LimitModes:
    """What GOIM_LIMITS says: `enforce`, `dry-run`, or such as `enforce, room_messages=dry-run`."""

    default: str = ENFORCE
    of_limit: Mapping[str, str] = field(default_factory=dict)

    def is_dry(self, limit: str) -> bool:
        """Tell whether what is over the limit is only counted."""
        return self.of_limit.get(limit, self.default) == DRY_RUN

    @classmethod
    def read(cls, read: Environment) -> "LimitModes":
        """Read GOIM_LIMITS."""
        default, of_limit = ENFORCE, {}
        for part in read.texts("GOIM_LIMITS", (ENFORCE,)):
            limit, separator, mode = (word.strip() for word in part.rpartition("="))
            if mode not in MODES or (separator and limit not in OF_GATEWAY + OF_ROUTER):
                names = ", ".join(OF_GATEWAY + OF_ROUTER)
                known = f"enforce or dry-run, or one of them for one limit of {names}"
                read.refuse("GOIM_LIMITS", f"must be {known}, not {part!r}")
            elif separator:
                of_limit[limit] = mode
            else:
                default = mode
        return cls(default, of_limit)


class Excess:
    """Counts what is over some limits, by name; never says of whom or what."""

    def __init__(self, modes: LimitModes, limits: Iterable[str], prefix: str = "goim_") -> None:
        self.modes = modes
        self.counts: Counter[str] = Counter(dict.fromkeys(limits, 0))
        self._prefix = prefix
        self._logs = {limit: RareLog("limit_exceeded_in_dry_run") for limit in self.counts}

    def refuses(self, limit: str) -> bool:
        """Count one over the limit; True: it is to be refused, False: let through."""
        self.counts[limit] += 1
        if not self.modes.is_dry(limit):
            return True
        self._logs[limit].warning(limit=limit)
        return False

    def readings(self) -> Iterable[Reading]:
        """What a scrape is told."""
        rows: list[tuple[tuple[str, ...], float]] = [
            ((limit, DRY_RUN if self.modes.is_dry(limit) else ENFORCE), float(count))
            for limit, count in self.counts.items()
        ]
        name = f"{self._prefix}limit_exceeded"
        yield name, "What was over a limit of rates", "counter", ("limit", "mode"), rows
