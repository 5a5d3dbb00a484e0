import os
import re
import resource
import sys
import time
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from bench.ports import free_ports
from goimbus import doctor_checks
from goimbus.doctor_checks import Finding, check_nats, check_open_files, check_redis, check_settings
from goimbus.embedded import EmbeddedServer, find_nats_server, running


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is there has the time that it needs."""
    monkeypatch.setattr(doctor_checks, "ANSWER_SECONDS", 30.0)


def closed_port() -> int:
    return free_ports(1)[0]


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


async def make_streams(nats_url: str, prefix: str) -> None:
    client = await nats.connect(nats_url)
    for kind in ("ROOM", "MEMBER", "ALL"):
        subjects = [f"{prefix}.push.{kind.lower()}.>"]
        await client.jetstream(timeout=30).add_stream(
            StreamConfig(name=f"{prefix.upper()}_{kind}", subjects=subjects)
        )
    await client.close()


async def test_a_healthy_nats_passes_every_check(
    nats_url: str, prefix: str, tmp_path: Path
) -> None:
    await make_streams(nats_url, prefix)
    config = tmp_path / "nats.conf"
    config.write_text("jetstream { sync_interval: always }")
    findings = by_name(await check_nats(nats_url, "", prefix, config))
    assert [finding.fine for finding in findings.values()] == [True] * 6
    assert re.search(r"nats-server 2\.\d+\.\d+ at nats://127.0.0.1:\d+", findings["NATS"].words)
    assert findings[f"stream {prefix.upper()}_ROOM"].words == "0 messages, 0 bytes"


async def test_missing_streams_are_a_fault_and_the_clock_is_then_unknown(
    nats_url: str, prefix: str
) -> None:
    findings = by_name(await check_nats(nats_url, "", prefix, None))
    missing = findings[f"stream {prefix.upper()}_MEMBER"]
    assert missing.fine is False
    assert "start `python -m store`" in missing.words
    assert findings["clock"].fine is None
    assert findings["NATS sync"].fine is None
    assert "sync_interval: always" in findings["NATS sync"].words


async def test_a_clock_that_is_far_off_is_a_fault(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_streams(nats_url, prefix)
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + 100)
    clock = by_name(await check_nats(nats_url, "", prefix, None))["clock"]
    assert clock.fine is False
    assert 90 < float(clock.words.split()[0]) < 110


async def test_an_old_nats_is_a_fault(
    nats_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_checks, "OLDEST_NATS", (99, 0))
    findings = by_name(await check_nats(nats_url, "", prefix, None))
    assert findings["NATS"].fine is False
    assert "too old" in findings["NATS"].words


async def test_a_nats_without_jetstream_is_a_fault(prefix: str) -> None:
    listening = re.compile(r"connections on (?P<at>\S+)")
    command = (find_nats_server(os.environ), "-a", "127.0.0.1", "-p", "-1")
    with running(EmbeddedServer("nats", command, listening, "nats://{at}")) as url:
        findings = by_name(await check_nats(url, "", prefix, None))
    assert findings["NATS"].fine is False
    assert "no JetStream" in findings["NATS"].words


@pytest.mark.parametrize("url", ["nats://me:hush@127.0.0.1:{}", "nats://127.0.0.1:{}, nats://x y"])
async def test_a_nats_that_is_not_there_is_a_fault_and_no_password_is_told(url: str) -> None:
    [finding] = await check_nats(url.format(closed_port()), "", "goim", None)
    assert finding.fine is False
    assert "NATS_URL" in finding.words
    assert "hush" not in finding.words


async def test_a_redis_that_answers_is_fine(redis_url: str) -> None:
    finding = await check_redis(redis_url, verify=True)
    assert finding.fine is True
    assert finding.words.startswith("valkey ")


@pytest.mark.parametrize(
    "url", ["redis://:hush@127.0.0.1:{}", "rediss://127.0.0.1:{}", "what://{}"]
)
async def test_a_redis_that_is_not_there_is_a_fault_and_no_password_is_told(url: str) -> None:
    finding = await check_redis(url.format(closed_port()), verify=False)
    assert finding.fine is False
    assert "REDIS_URL" in finding.words
    assert "hush" not in finding.words


async def test_a_service_is_asked_about_its_settings(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(
        "import os, sys\n"
        "assert sys.argv[1:] == ['--check']\n"
        "if 'BAD' in os.environ: sys.exit('BAD must be good')\n"
    )
    command = (sys.executable, "service.py")
    assert (await check_settings("web", command, {}, tmp_path)).fine is True
    finding = await check_settings("web", command, {"BAD": "1"}, tmp_path)
    assert finding == Finding("settings of web", False, "BAD must be good")


async def test_a_service_that_cannot_be_run_is_a_fault(tmp_path: Path) -> None:
    finding = await check_settings("web", ("no-such-command",), {"PATH": "/bin"}, tmp_path)
    assert finding.fine is False
    assert "no-such-command" in finding.words


def test_the_limit_of_open_files_is_compared_with_the_connections() -> None:
    assert check_open_files(1).fine is True
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        finding = check_open_files(hard)
        assert finding.fine is False
        assert "GOIM_MAX_CONNECTIONS" in finding.words
