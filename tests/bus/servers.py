"""A nats-server of a test's own, which it may kill, stop and bring back on the same port."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from bench.ports import free_ports
from goimbus.embedded import find_nats_server


class NatsServer:
    """One nats-server process with JetStream in `folder`."""

    def __init__(self, folder: Path, more_config: str = "") -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        self.more_config = more_config
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> "NatsServer":
        """Run it and return when it says that it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self._folder}/data" }}\n{self.more_config}\n'
        )
        command = [find_nats_server(os.environ), "-c", str(config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        ready = await asyncio.to_thread(self._read_until_ready)
        assert ready, f"nats-server ended with {self._process.poll()}"
        return self

    def kill(self) -> None:
        """End it at once, as SIGKILL does; a frozen one says nothing before."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def freeze(self) -> None:
        """Stop it where it is: its sockets stay, it says nothing any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """Let it go on, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self.kill()

    def _read_until_ready(self) -> bool:
        assert self._process is not None
        assert self._process.stderr is not None
        return any(b"Server is ready" in line for line in self._process.stderr)


def free_port() -> int:
    """Return a port that nobody has now."""
    return free_ports(1)[0]
