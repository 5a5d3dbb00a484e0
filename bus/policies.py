"""The policies of room types, as they are now: built in, from a file, and from a KV bucket.

What the bucket says wins over the file, and the file over what is built in; each needs to name
only what it changes. The bucket is followed while running: `nats kv put GOIM_POLICY live
'{"retain_messages": 500}'` changes all services, deleting the key undoes it.
"""

from collections.abc import Callable, Iterable
from json import loads
from pathlib import Path
from typing import Any, Self

import structlog

from bus.bucket import Bucket
from bus.connection import Bus
from bus.errors import SettingsRefused
from bus.followed import FollowedBucket
from bus.metrics import Reading
from bus.ordered import Entry
from schemas.policies import BUILT_IN, DEFAULT, Policy, PolicyRefused, parse_policy
from schemas.subjects import decode_token, encode_token

log = structlog.get_logger()

HISTORY = 5  # values kept for a type, so that the last good one is found behind bad ones
Values = dict[str, Any]


class PolicyBook:
    """What each room type's policy is. Make it with `PolicyBook.load`."""

    def __init__(self, bus: Bus, from_file: dict[str, Values]) -> None:
        self.refused = 0  # values in the bucket that are no policy
        self.changes = 0
        self.on_change: list[Callable[[str], None]] = []  # called with the type that changed
        self._from_file = from_file
        self._from_bucket: dict[str, Values] = {}
        self._policies = {
            room_type: self._compose(room_type, {}) for room_type in (*BUILT_IN, *from_file)
        }
        others = "policy_bucket_is_made_by_others"
        bucket = Bucket(bus, "POLICY", history=HISTORY, made_by_others=others)
        self._followed = FollowedBucket(bucket, self._handle_change, self._handle_reset)

    @classmethod
    async def load(cls, bus: Bus, policies_file: str = "") -> Self:
        """Return a book that is as the bucket is now; waits for JetStream without end.

        Raises SettingsRefused for a file that can't be used.
        """
        book = cls(bus, read_policies_file(policies_file))
        await book._followed.load("policies_wait")
        return book

    def of(self, room_type: str) -> Policy:
        """Return the policy of a room type; the default for one that nobody described."""
        return self._policies.get(room_type, DEFAULT)

    def types(self) -> tuple[str, ...]:
        """Return the types that are described somewhere."""
        return tuple(self._policies)

    def readings(self) -> Iterable[Reading]:
        """What a scrape is told."""
        yield (
            "goim_policy_types",
            "Room types described",
            "gauge",
            (),
            [((), len(self._policies))],
        )
        yield ("goim_policy_changes", "Policies changed", "counter", (), [((), self.changes)])
        yield (
            "goim_policies_refused",
            "Bad policies in the bucket",
            "counter",
            (),
            [((), self.refused)],
        )

    async def close(self) -> None:
        """Follow the bucket no more."""
        await self._followed.close()

    def _handle_change(self, key: str, entry: Entry | None) -> None:
        room_type = _type_of_key(key)
        if room_type is None:
            self._refuse(key, "the key is no encoded room type")
        elif entry is None:
            self._from_bucket.pop(room_type, None)
            self._change(room_type)
        else:
            self._take(room_type, entry.payload)

    def _take(self, room_type: str, payload: bytes) -> None:
        try:
            values = loads(payload)
            self._compose(room_type, values)
        except (ValueError, RecursionError) as error:  # PolicyRefused is one
            self._refuse(room_type, str(error))
            return
        self._from_bucket[room_type] = values
        self._change(room_type)

    def _handle_reset(self) -> None:
        types = tuple(self._from_bucket)
        self._from_bucket.clear()
        for room_type in types:
            self._change(room_type)

    def _change(self, room_type: str) -> None:
        former = self._policies.get(room_type)
        described = room_type in self._from_bucket or room_type in self._from_file
        if described or room_type in BUILT_IN:
            values = self._from_bucket.get(room_type, {})
            self._policies[room_type] = self._compose(room_type, values)
        else:
            self._policies.pop(room_type, None)
        if self._policies.get(room_type) == former:
            return
        self.changes += 1
        log.info("policy_changed", room_type=room_type)
        for callback in tuple(self.on_change):
            callback(room_type)

    def _compose(self, room_type: str, values: Values) -> Policy:
        """Return the policy where the bucket says `values`. Raises PolicyRefused."""
        built_in = BUILT_IN.get(room_type, DEFAULT)
        base = parse_policy(room_type, self._from_file.get(room_type, {}), built_in)
        return parse_policy(room_type, values, base)

    def _refuse(self, room_type: str, why: str) -> None:
        self.refused += 1
        log.warning(
            "policy_refused", room_type=room_type, why=why, bucket=self._followed.bucket.name
        )


def read_policies_file(path: str) -> dict[str, Values]:
    """Return what the file that GOIM_POLICIES names says of each type; nothing for `""`.

    Raises SettingsRefused.
    """
    if not path:
        return {}
    try:
        described = loads(Path(path).read_text())
        if not isinstance(described, dict):
            raise SettingsRefused([f"GOIM_POLICIES: {path} must hold an object of room types"])
        for room_type, values in described.items():
            parse_policy(room_type, values, BUILT_IN.get(room_type, DEFAULT))
    except PolicyRefused as refused:
        raise SettingsRefused([f"GOIM_POLICIES: {path}: {refused}"]) from None
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsRefused([f"GOIM_POLICIES: {path} can't be read: {error}"]) from None
    return described


def _type_of_key(key: str) -> str | None:
    try:
        room_type = decode_token(key)
        return room_type if encode_token(room_type) == key else None
    except ValueError:
        return None
