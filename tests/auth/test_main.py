"""`python -m auth` as a process: its start, its refusal to start, its end."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from bus.connection import Bus
from bus.errors import NoResponders
from bus.settings import BusSettings
from tests.bus.conftest import PATIENT_SECONDS
from tests.bus.servers import free_port

from .signing import SECRET, token

CHECKS = 200
Start = Callable[..., Awaitable[Process]]


async def read_until(process: Process, event: str) -> list[str]:
    assert process.stderr is not None
    lines = []
    async for line in process.stderr:
        lines.append(line.decode())
        if event in lines[-1]:
            return lines
    raise AssertionError("".join(lines))


@pytest.fixture
async def start(checkout: Path) -> AsyncIterator[Start]:
    processes: list[Process] = []

    async def start(*words: str, **variables: str) -> Process:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "auth", *words),
            cwd=checkout,
            env=inherited | variables,
            stdout=PIPE,
            stderr=PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()  # only where a test has failed
        await process.wait()


@pytest.fixture
async def bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)
    connected = await Bus.connect(settings, "test")
    yield connected
    await connected.drain()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "GOIM_AUTH_SECRET or GOIM_AUTH_KEYS must be set"),
        ({"GOIM_AUTH_SECRET": "x" * 31}, "GOIM_AUTH_SECRET can't be used: key '1' has 31 bytes"),
        ({"GOIM_AUTH_KEYS": "1:HS256:short"}, "GOIM_AUTH_KEYS can't be used"),
        ({"GOIM_AUTH": "none"}, "GOIM_AUTH must be one of token, open"),
    ],
)
async def test_it_refuses_to_start_without_a_usable_key(
    start: Start, variables: dict[str, str], words: str
) -> None:
    process = await start(**variables)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert f"setting refused: {words}" in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_check_only_reads_the_settings(start: Start) -> None:
    process = await start("--check", GOIM_AUTH_SECRET=SECRET, NATS_URL="nats://127.0.0.1:1")
    output, _ = await process.communicate()
    assert (process.returncode, output) == (0, b"settings are fine\n")


async def test_open_mode_is_warned_about_and_believes_clients(
    start: Start, nats_url: str, bus: Bus
) -> None:
    process = await start(
        GOIM_AUTH="open", NATS_URL=nats_url, GOIM_SUBJECT_PREFIX=bus.subjects.prefix
    )
    lines = await read_until(process, "auth_started")
    reply = await bus.call(bus.subjects.rpc("auth", "check"), b'{"token":"null"}')
    process.terminate()
    await process.communicate()
    assert process.returncode == 0
    assert json.loads(reply.payload)["rooms"][0]["pattern"] == "*"
    assert any("warning" in line and "auth_open" in line for line in lines)


async def test_its_counters_are_served_over_http_where_a_port_is_set(
    start: Start, nats_url: str, bus: Bus
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = await start(
        NATS_URL=nats_url,
        GOIM_SUBJECT_PREFIX=bus.subjects.prefix,
        GOIM_AUTH_SECRET=SECRET,
        GOIM_METRICS_PORT=str(port),
    )
    await read_until(process, "auth_started")
    await bus.call(bus.subjects.rpc("auth", "check"), b'{"token":"null"}')
    async with httpx.AsyncClient(base_url=url, timeout=PATIENT_SECONDS) as client:
        metrics = (await client.get("/metrics")).text
        health = await client.get("/healthz")
    process.terminate()
    await process.communicate()
    assert 'goim_auth_refused_total{reason="no_token"} 1.0' in metrics
    assert "goim_service_request_seconds_total" in metrics
    assert health.status_code == 200


async def test_sigterm_ends_it_with_every_check_answered_and_no_token_in_its_log(
    start: Start, nats_url: str, bus: Bus
) -> None:
    process = await start(
        NATS_URL=nats_url,
        GOIM_SUBJECT_PREFIX=bus.subjects.prefix,
        GOIM_AUTH_SECRET=SECRET,
        GOIM_AUTH_ISSUER="https://site.example",
        GOIM_LOG_LEVEL="debug",
        GOIM_LOG_FORMAT="json",
    )
    lines = await read_until(process, "auth_started")
    request = json.dumps({"token": token(exp=4_000_000_000, jti="n7")}).encode()
    answered = asyncio.Event()

    async def check() -> bool:
        with suppress(NoResponders):
            reply = await bus.call(bus.subjects.rpc("auth", "check"), request)
            answered.set()
            return bool(json.loads(reply.payload)["mid"] == 123)
        return False

    calls = [asyncio.create_task(check()) for _ in range(CHECKS)]
    await answered.wait()
    process.send_signal(signal.SIGTERM)
    answers = await asyncio.gather(*calls)
    _, rest = await process.communicate()
    assert process.returncode == 0
    events = [json.loads(line) for line in [*lines, *rest.decode().splitlines()]]
    stopped = events[-1]
    assert (stopped["event"], stopped["granted"]) == ("auth_stopped", sum(answers))
    log = "".join(lines) + rest.decode()
    assert not any(part in log for part in (*token(exp=4_000_000_000, jti="n7").split("."), SECRET))
    assert {event["user_id"] for event in events if event["event"] == "auth_granted"} == {123}


async def test_a_process_keeps_accounts_over_its_restart_and_logs_no_secret(
    start: Start, nats_url: str, bus: Bus
) -> None:
    variables = {
        "NATS_URL": nats_url,
        "GOIM_SUBJECT_PREFIX": bus.subjects.prefix,
        "GOIM_AUTH_SECRET": SECRET,
        "GOIM_API_KEY": "the key of operators",
        "GOIM_ACCOUNT_ACTIVATION": "none",
        "GOIM_ACCOUNT_HASH_KIB": "8",
        "GOIM_ACCOUNT_HASH_ROUNDS": "1",
        "GOIM_LOG_LEVEL": "debug",
        "GOIM_LOG_FORMAT": "json",
    }
    log = []

    async def call(name: str, /, **fields: str) -> dict[str, str]:
        reply = await bus.call(bus.subjects.rpc("accounts", name), json.dumps(fields).encode())
        answer: dict[str, str] = json.loads(reply.payload)
        return answer

    async def end(process: Process) -> None:
        process.terminate()
        _, rest = await process.communicate()
        assert process.returncode == 0
        log.append(rest.decode())

    first = await start(**variables)
    log.extend(await read_until(first, "auth_started"))
    person = {"name": "Ann", "password": "correct horse battery"}
    made = await call("register", **person)
    login = await call("login", **person)
    await call("list", token="the key of operators")
    await end(first)
    second = await start(**variables)
    log.extend(await read_until(second, "auth_started"))
    refreshed = await call("refresh", refresh_token=login["refresh_token"])
    assert refreshed["mid"] == made["mid"]
    body = json.dumps({"token": refreshed["auth"]}).encode()
    reply = await bus.call(bus.subjects.rpc("auth", "check"), body)
    assert json.loads(reply.payload)["mid"] == int(made["mid"])
    await end(second)
    secrets = (
        *(person["password"], SECRET, "the key of operators"),
        *(login["token"], login["refresh_token"], refreshed["token"], refreshed["refresh_token"]),
    )
    assert not any(secret in line for secret in secrets for line in log)


async def test_a_site_with_its_own_users_leaves_accounts_off(
    start: Start, nats_url: str, bus: Bus
) -> None:
    process = await start(
        NATS_URL=nats_url,
        GOIM_SUBJECT_PREFIX=bus.subjects.prefix,
        GOIM_AUTH_SECRET=SECRET,
        GOIM_ACCOUNTS="off",
    )
    await read_until(process, "auth_started")
    reply = await bus.call(bus.subjects.rpc("auth", "check"), b'{"token":"null"}')
    assert json.loads(reply.payload)["error"]["code"] == 4001
    with pytest.raises(NoResponders):
        await bus.call(bus.subjects.rpc("accounts", "login"), b"{}")
    process.terminate()
    await process.communicate()
    assert process.returncode == 0
