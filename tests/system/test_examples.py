"""The examples, each run as its language runs it, against a running system."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client as Nats
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from goimbus.client import Client
from goimbus.client_errors import SendRefused
from goimbus.messages import Message
from tests.plain_nats import settle
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem

EXAMPLES = Path(__file__).parents[2] / "examples"
MOST_LINES = 20
FETCH_SECONDS = 60.0
ADMISSION_AWAY = 503
LANGUAGES = ("py", "go", "mjs", "sh")
pytestmark = pytest.mark.timeout(60 + 2 * FETCH_SECONDS)  # the first test of a language fetches
Runner = Callable[[str], list[str]]


def fetched(folder: Path, *words: str) -> None:
    """Run what fetches and builds an example's needs; skip where that can't be done in time."""
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{words[0]} took over {FETCH_SECONDS:g} s to fetch and build")
    if done.returncode:
        pytest.skip(f"{words[0]} can't fetch and build here: {done.stderr[-300:]}")


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")


@pytest.fixture(scope="module", params=LANGUAGES)
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return how an example of one language is started."""
    language: str = request.param
    if language == "py":
        return lambda name: [sys.executable, str(EXAMPLES / f"{name}.py")]
    if language == "sh":
        needs("nats", "jq", "bash")
        return lambda name: ["bash", str(EXAMPLES / f"{name}.sh")]
    folder = tmp_path_factory.mktemp("examples")
    for file in filter(Path.is_file, EXAMPLES.iterdir()):
        shutil.copy(file, folder)
    if language == "mjs":
        needs("node", "npm")
        fetched(folder, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline")
        return lambda name: ["node", str(folder / f"{name}.mjs")]
    needs("go")
    for name in ("echo_bot", "moderator"):
        fetched(folder, "go", "build", "-o", name, f"{name}.go")
    return lambda name: [str(folder / name)]


@asynccontextmanager
async def running(
    system: RunningSystem, words: list[str], answers: Callable[[Nats], Awaitable[bool]]
) -> AsyncIterator[None]:
    """Run an example, from when it answers."""
    process = await asyncio.create_subprocess_exec(
        *words, env={**os.environ, "NATS_URL": system.nats_url}, start_new_session=True
    )
    connection = await nats.connect(system.nats_url)
    try:
        async with asyncio.timeout(40):
            while not await answers(connection):
                assert process.returncode is None
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await connection.close()


async def echoes(connection: Nats) -> bool:
    """Say something in a room of the bot's; tell whether it answers."""
    room = unique()
    heard = await connection.subscribe(f"goim.room.bot.{room}.kept.4")
    await settle(connection)
    push = f"goim.push.room.bot.{room}.4"
    await connection.request(push, b"hello?", headers={"Goim-From": "1"}, timeout=20)
    await heard.next_msg(20)
    try:
        await heard.next_msg(1)
    except NatsTimeout:
        return False
    return True


async def moderates(connection: Nats) -> bool:
    """Tell whether somebody answers what the router would ask."""
    try:
        await connection.request("goim.admit.any", b'{"body":"hello?"}', timeout=20)
    except NoRespondersError:
        return False
    return True


async def bodies(client: Client, count: int) -> list[str]:
    """Return the next messages, a member's without their stamps."""
    found: list[str] = []
    async for message in client:
        if isinstance(message, Message) and message.operation == 4:
            body = message.body.decode()
            found.append(json.loads(body)["body"] if body.startswith("{") else body)
            if len(found) == count:
                return found
    raise AssertionError("the client has ended")


async def test_the_echo_bot_answers_members_and_no_bots(
    system: RunningSystem, runner: Runner
) -> None:
    room = f"bot://{unique()}"
    async with (
        running(system, runner("echo_bot"), echoes),
        Client(system.websocket_url, mid=1, room=room, key=unique()) as one,
        Client(system.websocket_url, mid=2, room=room, key=unique()) as other,
    ):
        await one.send("hello")
        assert await bodies(one, 1) == ["echo: hello"]
        await other.send("hi")
        assert await bodies(one, 2) == ["hi", "echo: hi"]
        assert await bodies(other, 3) == ["hello", "echo: hello", "echo: hi"]


async def test_the_moderator_refuses_and_changes(system: RunningSystem, runner: Runner) -> None:
    connection = await nats.connect(system.nats_url)
    policies = await connection.jetstream(timeout=20).key_value("GOIM_POLICY")
    room_type = unique("forum")
    await policies.put(room_type, b'{"admit": "required", "admit_seconds": 20}')
    await until_moderated(system, room_type)
    room = f"{room_type}://{unique()}"
    async with (
        running(system, runner("moderator"), moderates),
        Client(system.websocket_url, mid=1, room=room, key=unique()) as one,
        Client(system.websocket_url, mid=2, room=room, key=unique()) as other,
    ):
        with pytest.raises(SendRefused, match="no links here") as refused:
            await one.send("see http://example.com")
        assert refused.value.code == 403
        assert await one.send("damn good") > 0
        assert await bodies(other, 1) == ["**** good"]
    await connection.close()


async def until_moderated(system: RunningSystem, room_type: str) -> None:
    """Return when the router knows that a moderator has to be asked, while there is none."""
    room = f"{room_type}://{unique()}"
    code = 0
    async with Client(system.websocket_url, mid=3, room=room, key=unique()) as scout:
        while code != ADMISSION_AWAY:
            try:
                await scout.send("is somebody asked?")
            except SendRefused as refused:
                code = refused.code


@pytest.mark.parametrize("name", ["echo_bot", "moderator"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_is_short(name: str, language: str) -> None:
    assert len((EXAMPLES / f"{name}.{language}").read_text().splitlines()) <= MOST_LINES


def test_the_examples_are_listed() -> None:
    text = (EXAMPLES / "README.md").read_text()
    for file in EXAMPLES.iterdir():
        if file.suffix in (".py", ".go", ".mjs", ".sh"):
            assert f"`{file.name}`" in text
