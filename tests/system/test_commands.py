"""`goimbus push`, `tail` and `who` against a running system, as people use them."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from goimbus.__main__ import main
from goimbus.client import Client
from goimbus.messages import Gap, Message
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem

ROOT = Path(__file__).parents[2]


def environment(system: RunningSystem) -> dict[str, str | None]:
    own = {name: None for name in os.environ if name.startswith("GOIM_")}
    return {
        **own,
        "PORT": str(system.port),
        "GOIM_HTTP_PORT": str(system.http_port),
        "GOIM_NATS_PORT": str(system.nats_port),
        "GOIM_DATA_DIR": str(system.folder / "data"),
        "NATS_URL": None,
        "COLUMNS": "200",
    }


def run(system: RunningSystem, *words: str, stdin: bytes = b"", **more: str) -> Result:
    return CliRunner().invoke(main, words, input=stdin, env={**environment(system), **more})


async def start(system: RunningSystem, *words: str, stdin: bytes = b"") -> Result:
    """Run a command while a client is connected: in a thread, since it has a loop of its own."""
    return await asyncio.to_thread(run, system, *words, stdin=stdin)


@contextmanager
def tail(system: RunningSystem, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`goimbus tail` as a process, ended by Ctrl-C."""
    variables = {name: value for name, value in environment(system).items() if value is not None}
    process = subprocess.Popen(
        [sys.executable, "-m", "goimbus", "tail", *words],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def new_member() -> int:
    return 1 + secrets.randbelow(2**53)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def sequence_of(result: Result) -> int:
    assert result.exit_code == 0, result.output
    return int(result.stdout.split()[2].rstrip(","))


async def received(client: Client) -> tuple[str, int, int, bytes]:
    item: Message | Gap = await anext(client)
    assert isinstance(item, Message)
    return item.topic, item.sequence, item.operation, item.body


@pytest.mark.parametrize("way", [(), ("--nats",)])
async def test_a_push_reaches_its_client_and_tells_its_sequence(
    system: RunningSystem, way: tuple[str, ...]
) -> None:
    room, key, mid = f"live://{unique()}", unique(), new_member()
    async with Client(system.websocket_url, mid=mid, key=key, room=room, accepts=[1000, 7]) as one:
        result = await start(system, "push", "room", room, '{"test":1}', *way)
        assert await received(one) == (f"room:{room}", sequence_of(result), 1000, b'{"test":1}')
        words = ("push", "member", str(mid), "-", "--op", "7", *way)
        result = await start(system, *words, stdin=b"\xff\n")
        assert await received(one) == ("member", sequence_of(result), 7, b"\xff\n")
        result = await start(system, "push", "all", "to all", *way)
        while (got := await received(one))[3] != b"to all":
            assert got[0] == "all"  # of another test
        assert got == ("all", sequence_of(result), 1000, b"to all")


def test_an_id_makes_a_repeat_harmless(system: RunningSystem) -> None:
    words = ("push", "room", f"live://{unique()}", "once", "--id", unique())
    first = sequence_of(run(system, *words))
    assert sequence_of(run(system, *words, "--nats")) == first


@pytest.mark.parametrize("way", [(), ("--nats",)])
def test_a_push_to_a_key_that_nobody_has_fails(system: RunningSystem, way: tuple[str, ...]) -> None:
    result = run(system, "push", "key", unique(), "x", *way)
    assert (result.exit_code, result.stdout) == (1, "not stored, 0 sessions online\n")
    assert "nobody got it: a push to a key is not kept" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("push", "room", "lobby", "x"), "'lobby' is no room id such as live://1000"),
        (("push", "room", "live://1", "x", "--op", "0"), "refused: Key: 'Op'"),
        (("push", "room", "live://", "x", "--nats"), "an id must have 1 to 128 bytes"),
    ],
)
def test_a_push_that_can_not_be_is_refused_with_words(
    system: RunningSystem, words: tuple[str, ...], told: str
) -> None:
    result = run(system, *words)
    assert result.exit_code == 1
    assert told in result.stderr


@pytest.mark.parametrize("way", [(), ("--nats",)])
def test_a_system_that_is_not_there_is_told(system: RunningSystem, way: tuple[str, ...]) -> None:
    result = run(system, "push", "all", "x", *way, GOIM_HTTP_PORT="1", GOIM_NATS_PORT="1")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    assert "is `goimbus up` running?" in result.stderr


def test_a_room_is_watched_with_its_history_and_ctrl_c_ends_it(system: RunningSystem) -> None:
    room = f"live://{unique()}"
    old = [sequence_of(run(system, "push", "room", room, f"old {n}")) for n in range(3)]
    with tail(system, "room", room, "--history", "2") as process:
        assert line(process) == f"room:{room}  {old[1]}  op 1000  old 1"
        assert line(process) == f"room:{room}  {old[2]}  op 1000  old 2"
        new = sequence_of(run(system, "push", "room", room, "a\nb\x1b[31m", "--op", "7"))
        assert line(process) == f"room:{room}  {new}  op 7  a\\nb\\x1b[31m"


def test_a_member_is_watched_as_json(system: RunningSystem) -> None:
    mid = str(new_member())
    sequence = sequence_of(run(system, "push", "member", mid, "for you"))
    run(system, "push", "member", mid, "not accepted", "--op", "99")
    with tail(system, "member", mid, "--json") as process:
        assert json.loads(line(process)) == {
            "topic": "member",
            "sequence": sequence,
            "operation": 1000,
            "body": "for you",
        }
        run(system, "push", "member", mid, "-", stdin=b"\xff")
        assert json.loads(line(process))["body_base64"] == "/w=="


def test_without_history_only_what_is_new_is_printed(system: RunningSystem) -> None:
    room = f"live://{unique()}"
    run(system, "push", "room", room, "old")
    new: set[str] = set()
    with (
        ThreadPoolExecutor(1) as executor,
        tail(system, "room", room, "--history", "0") as process,
    ):
        printed = executor.submit(line, process)
        while not printed.done():  # what comes before it is live is history too
            sequence = sequence_of(run(system, "push", "room", room, "new"))
            new.add(f"room:{room}  {sequence}  op 1000  new")
        assert printed.result() in new


def test_a_gateway_that_is_not_there_is_told_by_tail(system: RunningSystem) -> None:
    result = run(system, "tail", "room", "live://1", "--url", "tcp:nowhere")
    assert result.exit_code == 1
    assert "is no ws://host/sub" in result.stderr


async def test_who_lists_connections_by_room_and_member(system: RunningSystem) -> None:
    room, key, mid = f"live://{unique()}", f"[{unique()}]", new_member()
    async with Client(system.tcp_url, mid=mid, key=key, room=room, platform="ios"):
        told: dict[str, Any] = {"found": 0}
        while not told["found"]:  # a gateway reports soon, not at once
            told = json.loads((await start(system, "who", "--json", "room", room)).stdout)
        (session,) = told["sessions"]
        assert (session["mid"], session["key"], session["room"]) == (mid, key, room)
        for words in (("who", "member", str(mid)), ("who", "room", room)):
            shown = (await start(system, *words)).stdout
            for cell in (str(mid), key, room, "ios", "1 found;"):
                assert cell in shown
        assert "found" in (await start(system, "who")).stdout
    assert run(system, "who", "--limit", "0").exit_code == 2


def test_who_tells_when_nats_is_not_there(system: RunningSystem) -> None:
    result = run(system, "who", GOIM_NATS_PORT="1")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
