"""Room types and their policies: what is kept, who may enter and send, what a device gets.

The type of `live://1000` is `live`. A type that nobody described has DEFAULT. Operators describe
types in one JSON file (setting GOIM_POLICIES) and change them while running (the KV bucket
GOIM_POLICY, one key a type): `{"live": {"keep": true, "retain_messages": 1000, ...}}`.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

DAY_SECONDS = 86_400
MAX_NUMBER = 2**31 - 1  # of any number in a policy
DIRECT = "direct"  # has the policy of direct messages, as if they were a room type
SENDERS = ("members", "anyone", "services", "nobody")
SERVICE_ROLES = ("service", "operator")  # of a token, for "services"
ADMISSION = ("off", "optional", "required")
OPENERS = ("members", "services")
DEVICE_POLICIES = ("all", "platform", "newest")  # of a member at once: any, one of each, one


@dataclass(frozen=True, slots=True)
class Policy:
    """How rooms of one type behave."""

    keep: bool = True  # pushes by HTTP and by clients are stored
    retain_messages: int = 1000  # a room
    retain_seconds: int = 7 * DAY_SECONDS
    replay_seconds: int = 0  # how far back a returning device is served; 0: as far as retained
    first: int = 0  # messages for a device that was never in the room
    open: bool = False  # any token may enter; else the token's rooms say so
    send: str = "members"  # the token's send right; "anyone" in the room; "services"; "nobody"
    stamp: bool = True  # what clients send is delivered as JSON with from, sequence, time
    send_per_second: float = 5.0  # per member, as a long-term rate; 0: no limit
    send_burst: int = 20  # messages at once, per member
    cast_per_second: float = 5.0  # signals that are not stored, per member; 0: no limit
    cast_burst: int = 10
    room_per_second: float = 1000.0  # of all members together, signals too; 0: no limit
    room_burst: int = 2000
    most_bytes: int = 0  # of a message; 0: as the setting GOIM_MAX_BODY_BYTES says
    admit: str = "off"  # is `goim.admit.<type>` asked: "off"; "optional": away, all is let through
    admit_seconds: float = 1.0  # for its answer; "required": away, nothing is
    opened_by: str = "members"  # who may give a room a record: "members" or only "services"
    most_members: int = 1000  # of a room with a record; also banned, muted, invited, each
    most_owned: int = 100  # rooms of the type that one member may own
    most_name: int = 64  # characters of a room's name


DEFAULT = Policy()
BUILT_IN = {
    "live": Policy(
        retain_seconds=3600, replay_seconds=120, open=True, send="anyone", opened_by="services"
    ),
}
MEMBER_RETAIN_SECONDS = 30 * DAY_SECONDS
MEMBER_RETAIN_MESSAGES = 10_000  # for each member
ALL_RETAIN_SECONDS = 120


class PolicyRefused(ValueError):
    """A policy holds an unknown name or a value of the wrong kind."""

    def __init__(self, room_type: str, name: str, value: object) -> None:
        self.room_type = room_type
        self.name = name
        self.value = value

    def __str__(self) -> str:
        return f"policy of room type {self.room_type!r}: {self.name} can't be {self.value!r}"


def parse_policy(room_type: str, values: dict[str, Any], base: Policy = DEFAULT) -> Policy:
    """Return `base` with `values` in place. Raises PolicyRefused."""
    if not isinstance(values, dict):
        raise PolicyRefused(room_type, "the policy", values)
    for name, value in values.items():
        if not _fits(name, value):
            raise PolicyRefused(room_type, name, value)
    return replace(base, **values)


def _fits(name: str, value: object) -> bool:
    kind = _KINDS.get(name)
    if kind is bool:
        return isinstance(value, bool)
    if kind is str:
        return value in _CHOICES[name]
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        return False
    return kind is not None and 0 <= value <= _MOST.get(name, MAX_NUMBER)  # false for NaN


_CHOICES = {"send": SENDERS, "opened_by": OPENERS, "admit": ADMISSION}
_MOST = {"admit_seconds": 30}  # for so long a client's next frames may have to wait
_KINDS = {field.name: type(getattr(DEFAULT, field.name)) for field in fields(Policy)}
