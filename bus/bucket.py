"""EDGE one JetStream KV bucket: values with revisions, read from the stream's leader.

Reading from the leader costs a little more than a direct get, and never misses what was written
a moment ago by another process.
"""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from bus.connection import Bus
from bus.errors import BusError, PublishRefused, SettingsRefused, StreamApiRefused, ValueChanged
from bus.stream_api import WRONG_LAST_SEQUENCE, acknowledged, create_stream, request_api
from schemas.headers import encode_headers, header_value

log = structlog.get_logger()

MESSAGE_NOT_FOUND = 10037  # err_code of nats-server
REPLICAS_IMPOSSIBLE = 10074
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
OPERATION = "KV-Operation"
TTL = "Nats-TTL"
DUPLICATE_SECONDS = 120
MAX_VALUE_BYTES = 65_536
RETRY_SECONDS = 0.5
MARK_SECONDS = 3600  # that a deletion is there to be read by those who follow the bucket


class Value(NamedTuple):
    """What a key holds; `revision` is what a write that replaces it must expect."""

    data: bytes
    revision: int


class Bucket:
    """The bucket of one kind, such as `ACCOUNT`. One that exists is never configured anew.

    `history`: values kept of each key. `msg_ttl`: values may go by themselves, and marks of
    deletions do.
    """

    def __init__(
        self,
        bus: Bus,
        kind: str,
        replicas: int = 1,
        *,
        history: int = 1,
        max_value_bytes: int = MAX_VALUE_BYTES,
        msg_ttl: bool = False,
        made_by_others: str = "bucket_is_made_by_others",  # the event that says so in the log
    ) -> None:
        self.bus = bus
        self.name = bus.subjects.bucket(kind)
        self.stream = f"KV_{self.name}"
        self._msg_ttl = msg_ttl
        self._made_by_others = made_by_others
        self._config = {
            "name": self.stream,
            "subjects": [self.subject(">")],
            "max_msgs_per_subject": history,
            "max_msg_size": max_value_bytes,
            "storage": "file",
            "num_replicas": replicas,
            "discard": "new",
            "duplicate_window": DUPLICATE_SECONDS * 1_000_000_000,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
        } | ({"allow_msg_ttl": True} if msg_ttl else {})

    async def make(self) -> None:
        """Make the bucket where it is not there and NATS lets us.

        Raises BusError, SettingsRefused where there can't be so many replicas.
        """
        try:
            await create_stream(self.bus, self._config)
        except PublishRefused:
            log.info(self._made_by_others, bucket=self.name)
        except StreamApiRefused as refused:
            if refused.code != REPLICAS_IMPOSSIBLE:
                raise
            replicas = self._config["num_replicas"]
            raise SettingsRefused([f"GOIM_REPLICAS={replicas}: {refused.words}"]) from None

    async def ensure(self) -> None:
        """Do as `make`, but wait for JetStream without end. Raises SettingsRefused."""
        await patiently(self.make, "bucket_waits", self.name)

    def subject(self, key: str) -> str:
        """Return the subject of a key."""
        return f"$KV.{self.name}.{key}"

    async def get(self, key: str) -> Value | None:
        """Return what a key holds, None when it holds nothing. Raises BusError."""
        value, _ = await self.read(key)
        return value

    async def read(self, key: str) -> tuple[Value | None, int]:
        """Return what a key holds and the revision of that or of its deletion, 0 for neither."""
        request = {"last_by_subj": self.subject(key)}
        try:
            answer = await request_api(self.bus, f"STREAM.MSG.GET.{self.stream}", request)
        except StreamApiRefused as refused:
            if refused.code == MESSAGE_NOT_FOUND:
                return None, 0
            raise
        message = answer["message"]
        revision = int(message["seq"])
        if is_deletion(b64decode(message.get("hdrs", ""))):
            return None, revision
        return Value(b64decode(message.get("data", "")), revision), revision

    async def put(
        self, key: str, data: bytes, revision: int | None = None, ttl_seconds: int = 0
    ) -> int:
        """Write a value and return its revision; None as `revision` replaces any.

        Revision 0 writes only what is not there. With a TTL the value goes by itself. Raises
        ValueChanged and BusError; after RequestTimeout it may have been written all the same.
        """
        headers = {TTL: f"{ttl_seconds}s"} if ttl_seconds else {}
        try:
            return await self._write(key, data, headers, revision)
        except ValueChanged:
            if revision != 0:
                raise
        value, revision = await self.read(key)
        if value is not None:
            raise ValueChanged(key)
        return await self._write(key, data, headers, revision)  # over the mark of a deletion

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Make a key hold nothing; soon nothing is left of it. Raises as `put` does."""
        ttl = {TTL: f"{MARK_SECONDS}s"} if self._msg_ttl else {}
        await self._write(key, b"", {OPERATION: "DEL"} | ttl, revision)

    async def _write(
        self, key: str, data: bytes, headers: dict[str, str], revision: int | None
    ) -> int:
        subject = self.subject(key)
        expected = {} if revision is None else {EXPECTED: str(revision)}
        block = encode_headers(headers | expected) if headers or expected else None
        reply = await self.bus.call(subject, data, headers=block)
        try:
            return acknowledged(subject, reply.payload)
        except StreamApiRefused as refused:
            if refused.code == WRONG_LAST_SEQUENCE:
                raise ValueChanged(key) from None
            raise


def is_deletion(headers: bytes | None) -> bool:
    """Tell whether a bucket's message says that its key holds nothing."""
    return bool(
        header_value(headers, OPERATION) in ("DEL", "PURGE")
        or header_value(headers, "Nats-Marker-Reason")
    )


def ttl_seconds_of(headers: bytes | None) -> int:
    """Return after how many seconds a value that `put` wrote goes by itself; 0: it stays."""
    digits = header_value(headers, TTL).removesuffix("s")
    return int(digits) if digits.isdecimal() else 0


async def patiently(attempt: Callable[[], Awaitable[None]], waits: str, bucket: str) -> None:
    """Try until it succeeds, and tell the first failure in the log as `waits`.

    Raises SettingsRefused, which no waiting mends.
    """
    told = False
    while True:
        try:
            return await attempt()
        except SettingsRefused:
            raise
        except BusError as error:
            if not told:
                log.warning(waits, bucket=bucket, error=str(error))
            told = True
            await asyncio.sleep(RETRY_SECONDS)
