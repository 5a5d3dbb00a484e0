"""Fake services in processes of their own, and who sees them begin and end.

Each connects to the witness, says name and process id, and holds the connection while it lives.
"""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from goimbus.bound_to_parent import bound_to_parent
from goimbus.prefixed_output import PrefixedOutput

SERVICES = {"web": "", "auth": "", "router": "", "store": ""}
SERVICE = """\
import http.server, os, signal, socket, subprocess, sys

name = sys.argv[1]
witness = socket.create_connection(("127.0.0.1", int(os.environ["WITNESS"])))


def told_to_end(number, frame):
    witness.sendall(b"told to end\\n")
    if "stubborn" not in sys.argv:
        sys.exit(0)


signal.signal(signal.SIGTERM, told_to_end)
witness.sendall(f"{name} {os.getpid()}\\n".encode())
if "refuse" in sys.argv:
    witness.recv(1)
    print("setting refused: GOIM_FAKE must be true", file=sys.stderr)
    sys.exit(2)
if "worker" in sys.argv:
    subprocess.Popen([sys.executable, __file__, f"worker-of-{name}", "stubborn"])
print(f"{name} runs", flush=True)


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass


if name == "web":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ready).serve_forever()
while True:
    signal.pause()
"""


@dataclass(frozen=True)
class Sighting:
    """A process that has connected."""

    name: str
    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def let_go_on(self) -> None:
        """Give a process that waits for it its sign."""
        self.writer.write(b".")

    async def told_to_end(self) -> None:
        """Wait for its word that it got SIGTERM."""
        assert await self.reader.readline() == b"told to end\n"

    async def ended(self) -> None:
        """Wait for its end, by whatever cause."""
        await until_closed(self.reader)


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Wait until the other end is gone, in peace or by a reset."""
    with suppress(ConnectionResetError):
        await reader.read(-1)


class Witness:
    """Listens for the fake services; use with `async with`."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Sighting] = asyncio.Queue()
        self._waiting: list[Sighting] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Witness":
        self._server = await asyncio.start_server(self._handle_arrival, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
            with suppress(OSError):  # its process may have been killed
                await writer.wait_closed()

    async def see(self, name: str) -> Sighting:
        """Wait for the next process of that name."""
        while True:
            for sighting in self._waiting:
                if sighting.name == name:
                    self._waiting.remove(sighting)
                    return sighting
            self._waiting.append(await self._arrived.get())

    async def _handle_arrival(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.append(writer)
        name, pid = (await reader.readline()).decode().split()
        self._arrived.put_nowait(Sighting(name, int(pid), reader, writer))


def write_procfile(folder: Path, **services: str) -> Path:
    """Write a Procfile whose services are fakes with these extra words; return its path."""
    (folder / "service.py").write_text(SERVICE)
    path = folder / "Procfile"
    path.write_text(
        "".join(f"{name}: python service.py {name} {words}\n" for name, words in services.items())
    )
    return path


class Command:
    """A `goimbus` command that runs as a process, its output read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    @classmethod
    async def start(cls, *words: object, **variables: object) -> "Command":
        """Start it with these variables alone beside PATH; it ends with the tests at the latest."""
        process = await asyncio.create_subprocess_exec(
            *bound_to_parent((sys.executable, "-m", "goimbus", *map(str, words))),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin"} | {name: str(value) for name, value in variables.items()},
            cwd=Path(__file__).parent.parent.parent,
        )
        return cls(process)

    async def line_with(self, words: str) -> str:
        """Wait for a line of output that holds the words, and return it."""
        assert self.process.stdout is not None
        async for data in self.process.stdout:
            self.lines.append(data.decode().rstrip())
            if words in self.lines[-1]:
                return self.lines[-1]
        raise AssertionError(f"no {words!r} in:\n" + "\n".join(self.lines))

    async def end(self) -> int:
        """Read the output to its end; return the exit status."""
        assert self.process.stdout is not None
        async for data in self.process.stdout:
            self.lines.append(data.decode().rstrip())
        return await self.process.wait()


async def start_up(folder: Path, variables: dict[str, object], **services: str) -> Command:
    """Start `goimbus up` with fake services: all four, or these with their words."""
    procfile = write_procfile(folder, **(services or SERVICES))
    return await Command.start("up", "--procfile", procfile, **variables)


class Lines(PrefixedOutput):
    """Output that a test can wait for."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    def say(self, name: str, words: str) -> None:
        self.queue.put_nowait(words)

    async def next_with(self, words: str) -> str:
        while words not in (line := await self.queue.get()):
            pass
        return line
