"""EDGE JetStream: make the streams and buckets or bring them up to date, and purge them.

Several processes may do so at once, with the same outcome. Nothing is ever made anew here while
it exists; a stream that was lost goes on above the sequences it is known to have had.
"""

import asyncio
from base64 import b64decode
from collections.abc import Iterable
from typing import Any

import structlog

from bus.connection import Bus
from bus.errors import BusError, SettingsRefused, StreamApiRefused
from bus.stream_api import STREAM_NOT_FOUND, request_api
from schemas.policies import Policy
from store.batches import Put, write_one
from store.definitions import (
    LIFETIMES,
    Config,
    Storage,
    bucket_config,
    event_config,
    stream_config,
    updated,
)
from store.reading import MESSAGE_NOT_FOUND
from store.retention import Limits, Purge, Retention, needed_limits
from store.sweep import LOST_PREFIX, SWEEP_KEY, Sweep, decode_sweep, first_sequence
from store.topics import Kind

log = structlog.get_logger()

NAME_IN_USE = 10058  # err_code: another process was faster, with another configuration
NOT_NOW = (10002, 10005, 10008)  # err_codes: the cluster has no leader, no peers, or no memory yet
RETRY_SECONDS = 0.5
PURGE_SECONDS = 30.0  # a purge by filter reads the blocks it deletes from
PAYLOAD_SHARE = 0.6  # of max_payload, so that a reply in JSON (base64) fits too


class Streams:
    """The streams and buckets of one system."""

    def __init__(self, bus: Bus, storage: Storage, retention: Retention) -> None:
        self.created = 0
        self.updated = 0
        self.purged_messages = 0
        self._bus = bus
        self._storage = storage
        self._retention = retention
        self._trimmed = bus.subjects.bucket("TRIMMED")

    async def ensure_patiently(self, policies: Iterable[Policy]) -> None:
        """Do as `ensure`, but wait without end for NATS and its cluster.

        Raises SettingsRefused when JetStream will never take what the settings ask for.
        """
        told = False
        while True:
            try:
                await self.ensure(policies)
                return
            except BusError as error:
                if isinstance(error, StreamApiRefused) and error.code not in NOT_NOW:
                    problem = f"GOIM_REPLICAS, GOIM_POLICIES or GOIM_STORE_*: {error}"
                    raise SettingsRefused([problem]) from error
                if not told:
                    log.warning("streams_wait_for_jetstream", error=str(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)

    async def ensure(self, policies: Iterable[Policy]) -> None:
        """Make what is missing, update what differs, so that every policy can be kept.

        Raises StreamApiRefused and other BusErrors.
        """
        needed = needed_limits(policies)
        for bucket in LIFETIMES:
            await self._ensure(bucket_config(self._bus.subjects, bucket, self._storage))
        sweep = await self._last_sweep()
        for kind, limits in needed.items():
            await self._ensure_stream(kind, limits, sweep)
        await self._ensure(event_config(self._bus.subjects, self._storage))
        self._retention.hold(needed)

    async def purge(self, stream: str, purge: Purge) -> int:
        """Delete what a purge says; return how many messages went. Raises BusErrors."""
        request: dict[str, Any] = {"seq": purge.sequence + 1}
        if purge.subject:
            request["filter"] = purge.subject
        answer = await request_api(self._bus, f"STREAM.PURGE.{stream}", request, PURGE_SECONDS)
        purged = int(answer.get("purged", 0))
        self.purged_messages += purged
        return purged

    async def _ensure_stream(self, kind: Kind, limits: Limits, sweep: Sweep) -> None:
        config = stream_config(self._bus.subjects, kind, limits, self._storage)
        first = first_sequence(sweep, config["name"])
        if first > 1 and await self._existing(config["name"]) is None:
            log.error("stream_was_lost", stream=config["name"], goes_on_at=first)
            subject = f"$KV.{self._trimmed}.{LOST_PREFIX}{kind}"
            await write_one(self._bus, Put(subject, str(first - 1).encode()))
            await self._create(config | {"first_seq": first})
        await self._ensure(config)

    async def _ensure(self, config: Config) -> None:
        name = config["name"]
        existing = await self._existing(name)
        if existing is None:
            if await self._create(config):
                return
            existing = await self._existing(name) or {}
        wanted = updated(existing, config)
        if wanted is not None:
            await request_api(self._bus, f"STREAM.UPDATE.{name}", wanted)
            self.updated += 1
            log.info("stream_updated", stream=name)

    async def _create(self, config: Config) -> bool:
        """Return False when another process was faster with another configuration."""
        try:
            await request_api(self._bus, f"STREAM.CREATE.{config['name']}", config)
        except StreamApiRefused as refused:
            if refused.code != NAME_IN_USE:
                raise
            return False
        self.created += 1
        log.info("stream_created", stream=config["name"])
        return True

    async def _existing(self, name: str) -> Config | None:
        try:
            answer = await request_api(self._bus, f"STREAM.INFO.{name}", {})
        except StreamApiRefused as refused:
            if refused.code != STREAM_NOT_FOUND:
                raise
            return None
        config: Config = answer["config"]
        return config

    async def _last_sweep(self) -> Sweep:
        request = {"last_by_subj": f"$KV.{self._trimmed}.{SWEEP_KEY}"}
        try:
            answer = await request_api(self._bus, f"STREAM.MSG.GET.KV_{self._trimmed}", request)
        except StreamApiRefused as refused:
            if refused.code != MESSAGE_NOT_FOUND:
                raise
            return Sweep()
        return decode_sweep(b64decode(answer["message"].get("data", "")))


def fitting_bytes(wanted: int, max_payload: int) -> int:
    """Return what is wanted, or less where NATS's max_payload would cut a reply."""
    fitting = min(wanted, int(max_payload * PAYLOAD_SHARE))
    if fitting < wanted:
        log.warning("max_payload_is_small", wanted=wanted, used=fitting, max_payload=max_payload)
    return fitting
