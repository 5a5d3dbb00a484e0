"""EDGE one JetStream KV bucket: values with revisions, read from the stream's leader.

Reading from the leader costs a little more than a direct get, and never misses what was written
a moment ago by another process.
"""

import asyncio
from base64 import b64decode
from json import loads
from typing import NamedTuple

import structlog

from auth.errors import ValueChanged
from bus.connection import Bus
from bus.errors import BusError, PublishRefused, SettingsRefused, StreamApiRefused
from bus.stream_api import create_stream, request_api
from schemas.headers import encode_headers, header_value

log = structlog.get_logger()

MESSAGE_NOT_FOUND = 10037  # err_code of nats-server
WRONG_LAST_SEQUENCE = 10071
REPLICAS_IMPOSSIBLE = 10074
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
OPERATION = "KV-Operation"
DELETED = ("DEL", "PURGE")
DUPLICATE_SECONDS = 120
MAX_VALUE_BYTES = 65_536
RETRY_SECONDS = 0.5
MARK_SECONDS = 3600  # that a deletion is there to be read by those who follow the bucket


class Value(NamedTuple):
    """What a key holds; `revision` is what a write that replaces it must expect."""

    data: bytes
    revision: int


class Bucket:
    """The bucket of one kind, such as `ACCOUNT`."""

    def __init__(self, bus: Bus, kind: str) -> None:
        self.name = bus.subjects.bucket(kind)
        self.stream = f"KV_{self.name}"
        self._bus = bus

    async def ensure(self, replicas: int) -> None:
        """Make the bucket where it is not there; waits for JetStream without end.

        Raises SettingsRefused where there can't be so many replicas.
        """
        told = False
        while True:
            try:
                await create_stream(self._bus, self._config(replicas))
            except PublishRefused:
                log.info("bucket_is_made_by_others", bucket=self.name)
            except BusError as error:
                if isinstance(error, StreamApiRefused) and error.code == REPLICAS_IMPOSSIBLE:
                    raise SettingsRefused([f"GOIM_REPLICAS={replicas}: {error.words}"]) from None
                if not told:
                    log.warning("bucket_waits", bucket=self.name, error=str(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            return

    def subject(self, key: str) -> str:
        """Return the subject of a key."""
        return f"$KV.{self.name}.{key}"

    async def get(self, key: str) -> Value | None:
        """Return what a key holds, None when it holds nothing. Raises BusError."""
        value, _ = await self._read(key)
        return value

    async def put(
        self, key: str, data: bytes, revision: int | None = None, ttl_seconds: int = 0
    ) -> int:
        """Write a value and return its revision; None as `revision` replaces any.

        Revision 0 writes only what is not there. With a TTL the value goes by itself. Raises
        ValueChanged and BusError; after RequestTimeout it may have been written all the same.
        """
        if revision == 0:
            revision = await self._revision_of_nothing(key)
        headers = {} if revision is None else {EXPECTED: str(revision)}
        if ttl_seconds:
            headers["Nats-TTL"] = f"{ttl_seconds}s"
        return await self._write(key, data, headers)

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Make a key hold nothing; soon nothing is left of it. Raises as `put` does."""
        headers = {OPERATION: "DEL", "Nats-TTL": f"{MARK_SECONDS}s"}
        if revision is not None:
            headers[EXPECTED] = str(revision)
        await self._write(key, b"", headers)

    async def _revision_of_nothing(self, key: str) -> int:
        """Return 0, or the revision of a deletion mark; raises ValueChanged for a value."""
        value, revision = await self._read(key)
        if value is not None:
            raise ValueChanged(key)
        return revision

    async def _read(self, key: str) -> tuple[Value | None, int]:
        request = {"last_by_subj": self.subject(key)}
        try:
            answer = await request_api(self._bus, f"STREAM.MSG.GET.{self.stream}", request)
        except StreamApiRefused as refused:
            if refused.code == MESSAGE_NOT_FOUND:
                return None, 0
            raise
        message = answer["message"]
        revision = int(message["seq"])
        headers = b64decode(message.get("hdrs", ""))
        if header_value(headers, OPERATION) in DELETED or header_value(
            headers, "Nats-Marker-Reason"
        ):
            return None, revision
        return Value(b64decode(message.get("data", "")), revision), revision

    async def _write(self, key: str, data: bytes, headers: dict[str, str]) -> int:
        subject = self.subject(key)
        block = encode_headers(headers) if headers else None
        reply = await self._bus.call(subject, data, headers=block)
        try:
            return acknowledged(subject, reply.payload)
        except StreamApiRefused as refused:
            if refused.code == WRONG_LAST_SEQUENCE:
                raise ValueChanged(key) from None
            raise

    def _config(self, replicas: int) -> dict[str, object]:
        return {
            "name": self.stream,
            "subjects": [f"$KV.{self.name}.>"],
            "max_msgs_per_subject": 1,
            "max_msg_size": MAX_VALUE_BYTES,
            "storage": "file",
            "num_replicas": replicas,
            "discard": "new",
            "duplicate_window": DUPLICATE_SECONDS * 1_000_000_000,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
            "allow_msg_ttl": True,
        }


def acknowledged(subject: str, payload: bytes) -> int:
    """Return the sequence that JetStream stored a message under. Raises StreamApiRefused."""
    try:
        answer = loads(payload)
        error, sequence = answer.get("error") or {}, int(answer.get("seq", 0))
        code, words = error.get("err_code", 0), error.get("description", "nothing was stored")
    except (ValueError, AttributeError, TypeError):
        raise StreamApiRefused(subject, 0, "the acknowledgement is unreadable") from None
    if error or not sequence:
        raise StreamApiRefused(subject, code, words)
    return sequence
