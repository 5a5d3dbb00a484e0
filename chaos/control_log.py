"""DECIDE how fast control took effect: what the clients of a run saw, judged action by action.

Times are seconds of one monotonic clock. A frame counts against an action when it came after the
action was asked for, and before it was taken back; over the limit it is forbidden.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LIMIT_SECONDS = 1.0


@dataclass(slots=True)
class Action:
    """One control action. `seen`: when something came that it forbids."""

    name: str
    room: str
    mid: int  # 0: everybody in the room
    asked: float
    answered: float = 0.0
    ended: float = 0.0  # when it was begun to be taken back
    seen: list[float] = field(default_factory=list)
    let_through: list[float] = field(default_factory=list)  # when what came was said

    @property
    def late_seconds(self) -> float:
        """How long after it was asked for the last forbidden thing came."""
        return max((one - self.asked for one in self.seen), default=0.0)

    @property
    def open_seconds(self) -> float:
        """How long after it was asked for something was said that still came."""
        return max((one - self.asked for one in self.let_through), default=0.0)

    @property
    def forbids(self) -> bool:
        """Tell whether it forbids something; the others take back what one of these did."""
        return bool(self.ended)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to."""

    seed: int
    seconds: float
    clients: int
    gateways: int
    frames: int
    pushes: int
    longest_lag: float  # of the run's own loop: it could not have seen sooner what came
    actions: tuple[Action, ...]
    asked_events: Counter[tuple[str, str]]  # by what and whom, as `expected` names them
    heard_events: Counter[tuple[str, str]]

    @property
    def forbidden(self) -> int:
        """How many forbidden things came over the limit."""
        most = LIMIT_SECONDS + self.longest_lag
        return sum(seen - one.asked > most for one in self.actions for seen in one.seen)

    @property
    def missing_events(self) -> Counter[tuple[str, str]]:
        """The events that were asked for and did not come."""
        return self.asked_events - self.heard_events

    @property
    def is_clean(self) -> bool:
        """Tell whether each action held, and left its event."""
        return not self.forbidden and not self.missing_events


def as_json(figures: Figures) -> str:
    """Return the figures as one JSON object."""
    forbidding = [one for one in figures.actions if one.forbids]
    by_name = {
        name: _spread(one.late_seconds for one in forbidding if one.name == name)
        for name in sorted({one.name for one in forbidding})
    }
    values: dict[str, Any] = {
        "seed": figures.seed,
        "actions": len(figures.actions),
        "seconds": round(figures.seconds, 1),
        "clients": figures.clients,
        "gateways": figures.gateways,
        "pushes": figures.pushes,
        "frames": figures.frames,
        "longest_lag_ms": _milliseconds(figures.longest_lag),
        "forbidden_after_1_s": figures.forbidden,
        "events": figures.asked_events.total(),
        "events_missing": figures.missing_events.total(),
        "forbidding": len(forbidding),
        "last_came_ms": _spread(one.late_seconds for one in forbidding),
        "last_said_ms": _spread(one.open_seconds for one in forbidding),
        "last_came_ms_by_action": by_name,
    }
    return json.dumps(values, indent=2)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that so many percent are not over (the nearest rank); 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def _spread(values: Iterable[float]) -> dict[str, float]:
    late = list(values)
    return {
        "count": len(late),
        "p50": _milliseconds(percentile(late, 50)),
        "p99": _milliseconds(percentile(late, 99)),
        "max": _milliseconds(max(late, default=0.0)),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
