"""EDGE what `goimbus doctor` looks at: each check ends in one finding, never in an exception."""

import asyncio
import json
import re
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nats
import redis.asyncio
from nats.aio.client import Client
from nats.errors import Error as NatsError
from redis.exceptions import RedisError

from schemas.subjects import Subjects

OLDEST_NATS = (2, 12)  # atomic batches
STREAMS = ("ROOM", "MEMBER", "ALL")
ANSWER_SECONDS = 3.0
CLOCK_SECONDS = 2.0  # more apart than this, tokens end early and ages are wrong
SPARE_FILES = 200  # that a gateway holds beside its connections


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw; `fine` is None for a hint that is no fault."""

    name: str
    fine: bool | None
    words: str


async def check_settings(
    service: str, command: tuple[str, ...], variables: Mapping[str, str], folder: Path
) -> Finding:
    """Let a service read its settings (`--check`)."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            "--check",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(variables),
            cwd=folder,
        )
    except OSError as error:
        return Finding(f"settings of {service}", False, f"can't be asked: {error}")
    output, _ = await process.communicate()
    lines = output.decode("utf-8", "replace").strip().splitlines()
    if process.returncode == 0:
        return Finding(f"settings of {service}", True, "can be used")
    return Finding(f"settings of {service}", False, "; ".join(lines[-3:]) or "the check failed")


async def check_nats(url: str, credentials: str, prefix: str, config: Path | None) -> list[Finding]:
    """Look at the server, how it syncs (in `config` where it is ours), its streams and clock."""
    causes: list[Exception] = []
    try:
        client = await asyncio.wait_for(_connect(url, credentials, causes), ANSWER_SECONDS)
    except (OSError, NatsError, ValueError) as error:  # TimeoutError is an OSError
        cause = _cause(causes[-1] if causes else error)
        words = f"{_place(url)} is not to be reached ({cause}): start it, or set NATS_URL"
        return [Finding("NATS", False, words)]
    try:
        findings = [await _check_server(client, url), _check_sync(config)]
        infos = {name: await _stream_info(client, name) for name in _stream_names(prefix)}
        findings += [_check_stream(name, info) for name, (info, _) in infos.items()]
        return [*findings, _check_clock([one for one in infos.values() if "ts" in one[0]])]
    finally:
        await client.close()


async def check_redis(url: str, verify: bool) -> Finding:
    """Ask for the server's version."""
    options: dict[str, Any] = {"socket_timeout": ANSWER_SECONDS}
    if url.startswith("rediss://") and not verify:
        options["ssl_cert_reqs"] = "none"
    try:
        client = redis.asyncio.from_url(url, **options)
        async with client:
            info = await client.info("server")
    except (OSError, RedisError, ValueError) as error:
        words = f"{_place(url)} is not to be reached ({_cause(error)}): start it, or set REDIS_URL"
        return Finding("Redis", False, words)
    kind = "valkey" if "valkey_version" in info else "redis"
    return Finding("Redis", True, f"{kind} {info[f'{kind}_version']} at {_place(url)}")


def check_open_files(connections: int) -> Finding:
    """Compare the limit of open files with the connections that a gateway worker may hold."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= connections + SPARE_FILES:
        return Finding("open files", True, f"{connections} connections fit a worker")
    words = (
        f"the hard limit of {hard} is too low for {connections} connections a worker: raise it "
        f"(ulimit -Hn, LimitNOFILE), or lower GOIM_MAX_CONNECTIONS"
    )
    return Finding("open files", False, words)


async def _connect(url: str, credentials: str, causes: list[Exception]) -> Client:
    async def note(error: Exception) -> None:
        causes.append(error)

    return await nats.connect(
        servers=[one.strip() for one in url.split(",")],
        user_credentials=credentials or None,
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0,
        connect_timeout=int(ANSWER_SECONDS),
        error_cb=note,
    )


async def _check_server(client: Client, url: str) -> Finding:
    version = client.connected_server_version
    place = f"nats-server {version.major}.{version.minor}.{version.patch} at {_place(url)}"
    if (version.major, version.minor) < OLDEST_NATS:
        return Finding("NATS", False, f"{place} is too old: 2.12 or newer is needed")
    try:
        await client.jetstream(timeout=ANSWER_SECONDS).account_info()
    except (NatsError, OSError) as error:
        return Finding("NATS", False, f"{place} has no JetStream ({_cause(error)}): turn it on")
    return Finding("NATS", True, f"{place}, with JetStream")


def _check_sync(config: Path | None) -> Finding:
    if config is not None and "sync_interval: always" in config.read_text():
        return Finding("NATS sync", True, "an acknowledged message is on disk")
    words = "its config must say `sync_interval: always`, or a power cut may take what was stored"
    return Finding("NATS sync", None, words)


def _stream_names(prefix: str) -> list[str]:
    return [Subjects(prefix).stream(kind) for kind in STREAMS]


async def _stream_info(client: Client, name: str) -> tuple[dict[str, Any], float]:
    """Return what JetStream says of a stream, and the local time then, in seconds."""
    asked = time.time()
    try:
        reply = await client.request(f"$JS.API.STREAM.INFO.{name}", timeout=ANSWER_SECONDS)
    except (NatsError, OSError) as error:
        return {"error": {"description": _cause(error)}}, asked
    info: dict[str, Any] = json.loads(reply.data)
    return info, (asked + time.time()) / 2


def _check_stream(name: str, info: dict[str, Any]) -> Finding:
    if "error" in info:
        words = f"{info['error'].get('description')}: the store makes it, start `python -m store`"
        return Finding(f"stream {name}", False, words)
    state = info["state"]
    words = f"{state['messages']} messages, {state['bytes']} bytes"
    return Finding(f"stream {name}", True, words)


def _check_clock(infos: list[tuple[dict[str, Any], float]]) -> Finding:
    if not infos:
        return Finding("clock", None, "only a stream's server tells its time, and there is none")
    info, local = infos[0]
    apart = abs(datetime.fromisoformat(info["ts"]).timestamp() - local)
    words = f"{apart:.1f} s apart from the NATS server's"
    if apart > CLOCK_SECONDS:
        return Finding("clock", False, f"{words}: let both hosts follow one time (NTP)")
    return Finding("clock", True, words)


def _place(url: str) -> str:
    """The URL without a password."""
    return re.sub(r"//[^/@]*@", "//", url)


def _cause(error: BaseException) -> str:
    return str(error) or type(error).__name__
