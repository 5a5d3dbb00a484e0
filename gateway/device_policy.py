"""DECIDE how many devices a member may have at once: by the token, else the role, else the setting.

The router carries it out, since it alone knows all gateways: `platform` leaves the newest login of
each platform, `newest` the newest of all. The others are closed as REPLACED.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.policies import DEVICE_POLICIES

ALL = "all"


class DevicePolicyRefused(ValueError):
    """A part of GOIM_DEVICES is no policy."""

    def __init__(self, part: str) -> None:
        self.part = part

    def __str__(self) -> str:
        known = ", ".join(DEVICE_POLICIES)
        return f"must be one of {known}, then such as user=newest for a role, not {self.part!r}"


@dataclass(frozen=True, slots=True)
class DevicePolicies:
    """What GOIM_DEVICES says."""

    default: str = ALL
    of_role: Mapping[str, str] = field(default_factory=dict)

    def of(self, claimed: str, role: str) -> str:
        """Return the policy of a login; a claim that is no policy says nothing."""
        if claimed in DEVICE_POLICIES:
            return claimed
        return self.of_role.get(role, self.default)


def read_device_policies(parts: Iterable[str]) -> DevicePolicies:
    """Return what `all`, or `all, user=newest, service=all`, says. Raises DevicePolicyRefused."""
    default, of_role = ALL, {}
    for part in parts:
        role, separator, policy = (word.strip() for word in part.rpartition("="))
        if policy not in DEVICE_POLICIES or (separator and not role):
            raise DevicePolicyRefused(part)
        if separator:
            of_role[role] = policy
        else:
            default = policy
    return DevicePolicies(default, of_role)
