"""The policies of room types, as they are now: built in, from a file, and changed while running.

Changes are keys of the KV bucket `<PREFIX>_POLICY`, one for each room type, with the same JSON as
in the file: `nats kv put GOIM_POLICY live '{"retain_messages": 500}'`. A change that can't be
used is logged and counted, and the former policy stays.
"""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog
from nats.errors import Error as NatsError
from nats.js.api import KeyValueConfig
from nats.js.errors import BadRequestError

from bus.connection import Bus
from bus.errors import SettingsRefused
from bus.metrics import Reading
from bus.ordered import Entry, OrderedReader
from schemas.headers import header_value
from schemas.policies import BUILT_IN, DEFAULT, Policy, parse_policy
from schemas.subjects import decode_token, encode_token

log = structlog.get_logger()

RETRY_SECONDS = 1.0
READ_SECONDS = 60.0
DELETIONS = ("DEL", "PURGE")


class PolicyBook:
    """What every room type does. Make it with `PolicyBook.load`."""

    def __init__(self, bus: Bus, from_file: dict[str, dict[str, Any]]) -> None:
        self._from_file = from_file
        self._policies: dict[str, Policy] = {}
        self._head = f"$KV.{bus.subjects.bucket('POLICY')}."
        stream = f"KV_{bus.subjects.bucket('POLICY')}"
        self._reader = OrderedReader(
            bus, stream, self._take, headers_only=False, on_reset=self._start_over
        )
        self.refused = 0
        self._start_over()

    @classmethod
    async def load(cls, bus: Bus, policies_file: str = "") -> "PolicyBook":
        """Read the file and the bucket, then follow the bucket. Raises SettingsRefused."""
        book = cls(bus, read_policies_file(policies_file) if policies_file else {})
        last = await _last_sequence(bus)
        book._reader.start()
        await book._reader.wait_for(last, READ_SECONDS)
        return book

    def of(self, room_type: str) -> Policy:
        """Return the policy of a room type; the default one for a type nobody described."""
        return self._policies.get(room_type, DEFAULT)

    def types(self) -> tuple[str, ...]:
        """The room types that are described."""
        return tuple(self._policies)

    def readings(self) -> Iterable[Reading]:
        """Give bus.metrics how many changes could not be used."""
        words = "Policy changes that could not be used"
        yield "goim_policies_refused", words, "counter", (), [((), float(self.refused))]

    async def close(self) -> None:
        """Follow no more."""
        await self._reader.stop()

    def _start_over(self) -> None:
        """Forget what the bucket said."""
        self._policies = {
            room_type: self._base(room_type) for room_type in {*BUILT_IN, *self._from_file}
        }

    def _base(self, room_type: str) -> Policy:
        """The policy without the bucket."""
        built_in = BUILT_IN.get(room_type, DEFAULT)
        return parse_policy(room_type, self._from_file.get(room_type, {}), built_in)

    def _take(self, entry: Entry) -> None:
        room_type = decode_token(entry.subject.removeprefix(self._head))
        deleted = header_value(entry.headers, "KV-Operation") in DELETIONS
        try:
            policy = self._base(room_type)
            if not deleted:
                policy = parse_policy(room_type, _object(entry.payload), policy)
        except ValueError as error:
            self.refused += 1
            log.error("policy_refused", room_type=room_type, error=str(error))
            return
        self._policies[room_type] = policy


def read_policies_file(path: str) -> dict[str, dict[str, Any]]:
    """Return what the file says, checked. Raises SettingsRefused."""
    try:
        values = _object(Path(path).read_bytes())
        for room_type, policy in values.items():
            encode_token(room_type)
            parse_policy(room_type, policy, BUILT_IN.get(room_type, DEFAULT))
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsRefused([f"GOIM_POLICIES: {path}: {error}"]) from None
    return values


async def _last_sequence(bus: Bus) -> int:
    """Return the bucket's last sequence; the bucket is made when it is missing."""
    name = bus.subjects.bucket("POLICY")
    jetstream = bus.jetstream
    told = False
    while True:
        try:
            await jetstream.create_key_value(KeyValueConfig(bucket=name, history=1))
            return (await jetstream.stream_info(f"KV_{name}")).state.last_seq
        except BadRequestError:  # it is there, with settings of its operator's
            return (await jetstream.stream_info(f"KV_{name}")).state.last_seq
        except (NatsError, OSError) as error:
            if not told:
                told = True
                log.warning("policies_unavailable", error=str(error) or type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)


def _object(data: bytes) -> dict[str, Any]:
    values = json.loads(data)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    return values
