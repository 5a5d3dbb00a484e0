import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import nats
import pytest
import redis.asyncio
from nats.js.api import RePublish, StorageType, StreamConfig

from goimbus import embedded
from goimbus.embedded import EmbeddedServer, running
from goimbus.errors import ServerFailed, ServerMissing


@pytest.fixture
def nats_of_the_prefix(tmp_path: Path, prefix: str) -> Iterator[str]:
    binary = embedded.find_nats_server(os.environ)
    with running(embedded.nats_server(binary, tmp_path, embedded.ANY_PORT, prefix)) as url:
        yield url


async def test_nats_keeps_streams_and_takes_atomic_batches(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    assert client.connected_server_version.major * 100 + client.connected_server_version.minor > 211
    account = await client.jetstream(timeout=30).account_info()
    assert account.limits.max_storage != 0
    await client.close()


async def test_nobody_but_the_server_may_publish_what_was_kept(
    nats_of_the_prefix: str, prefix: str
) -> None:
    refusals: asyncio.Queue[str] = asyncio.Queue()

    async def note_error(error: Exception) -> None:
        refusals.put_nowait(str(error))

    client = await nats.connect(nats_of_the_prefix, error_cb=note_error)
    heard = await client.subscribe(f"{prefix}.>")
    topics = ("room.live.1", "member.7", "all")
    for topic in topics:
        await client.publish(f"{prefix}.{topic}.kept.1000", b"forged")
        assert "permissions violation" in (await refusals.get()).lower()
        await client.publish(f"{prefix}.{topic}.cast.1000", b"cast")
        assert (await heard.next_msg(20)).data == b"cast"
    await client.close()


async def test_the_server_republishes_what_it_stored_where_clients_may_not(
    nats_of_the_prefix: str, prefix: str
) -> None:
    client = await nats.connect(nats_of_the_prefix)
    stream = client.jetstream(timeout=30)
    target = f"{prefix}.room.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}.kept.{{{{wildcard(3)}}}}"
    await stream.add_stream(
        StreamConfig(
            name=f"{prefix.upper()}_ROOM",
            subjects=[f"{prefix}.push.room.*.*.*"],
            storage=StorageType.FILE,
            republish=RePublish(src=f"{prefix}.push.room.*.*.*", dest=target),
        )
    )
    heard = await client.subscribe(f"{prefix}.room.live.1.>")
    ack = await stream.publish(f"{prefix}.push.room.live.1.1000", b"hello")
    message = await heard.next_msg(20)
    assert message.subject == f"{prefix}.room.live.1.kept.1000"
    assert message.headers is not None
    assert message.headers["Nats-Sequence"] == str(ack.seq)
    await client.close()


async def test_valkey_answers_redis_clients(redis_url: str) -> None:
    client = redis.asyncio.from_url(redis_url)
    await client.set("embedded", "1", ex=10)
    assert await client.get("embedded") == b"1"
    await client.aclose()


async def test_valkey_gets_a_short_socket_path_below_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("a folder with {braces} " * 3) / "and-more" / ("x" * 60)
    deep.mkdir(parents=True)
    binary = embedded.find_valkey_server(os.environ)
    with running(embedded.valkey_server(binary, deep)) as url:
        client = redis.asyncio.from_url(url)
        assert await client.ping()
        await client.aclose()
    folder = Path(url.removeprefix("unix://")).parent
    assert len(str(folder)) < embedded.SOCKET_PATH_BYTES
    folder.rmdir()


async def test_a_folder_with_odd_characters_holds_both_servers(tmp_path: Path) -> None:
    odd = tmp_path / 'a "b" {c} %d'
    odd.mkdir()
    with running(embedded.valkey_server(embedded.find_valkey_server({}), odd)) as url:
        client = redis.asyncio.from_url(url)
        assert await client.ping()
        await client.aclose()
    with running(embedded.nats_server(embedded.find_nats_server({}), odd, -1, "goim")):
        assert (odd / "nats").is_dir()


def test_a_named_binary_that_is_not_there_is_named() -> None:
    with pytest.raises(ServerMissing, match="NATS_SERVER_BIN"):
        embedded.find_nats_server({"NATS_SERVER_BIN": "/nowhere/nats-server"})
    with pytest.raises(ServerMissing, match="REDIS_SERVER_BIN"):
        embedded.find_valkey_server({"REDIS_SERVER_BIN": "/nowhere/redis-server"})


def test_a_named_binary_is_taken() -> None:
    assert embedded.find_nats_server({"NATS_SERVER_BIN": sys.executable}) == sys.executable
    assert embedded.find_valkey_server({"REDIS_SERVER_BIN": sys.executable}) == sys.executable


def test_a_server_that_ends_at_once_shows_its_last_words() -> None:
    script = "import sys; print('cannot bind'); sys.exit(1)"
    server = EmbeddedServer("nats", (sys.executable, "-c", script), re.compile("ready"), "")
    with pytest.raises(ServerFailed, match="cannot bind"), running(server):
        pass


def test_a_server_ends_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from goimbus import embedded\n"
        "server = embedded.nats_server(embedded.find_nats_server({}), Path(sys.argv[1]), -1, 'g')\n"
        "with embedded.running(server) as url:\n"
        "    print(url, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        url = urlsplit(parent.stdout.readline().decode().strip())
        assert url.hostname is not None
        assert url.port is not None
        with socket.create_connection((url.hostname, url.port)) as connection:
            parent.kill()
            with connection.makefile("rb") as told, suppress(ConnectionResetError):
                told.read()  # until the server's end
    assert parent.returncode == -signal.SIGKILL
