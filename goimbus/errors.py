"""What stops a command of `goimbus` before it has done its work.

StartRefused               a setting or the machine does not allow it; exit status 2
├── ServerMissing          no nats-server or valkey-server is to be found
├── PortTaken              something listens there already
├── DataFolderInUse        another `goimbus up` runs on it
├── DataFolderDamaged      a file in it can't be read as what it should be
└── ServiceRefused         a service says that its settings are at fault
ServerFailed               a server ended before it took connections
"""

from pathlib import Path


class StartRefused(Exception):
    """A setting or the machine does not allow the start."""


class ServerMissing(StartRefused):
    """No binary of an embedded server is to be found."""

    def __init__(self, server: str, variable: str, url_variable: str) -> None:
        self.server = server
        self.variable = variable
        self.url_variable = url_variable

    def __str__(self) -> str:
        return (
            f"no {self.server} found: {self.variable} may hold its path, "
            f"or {self.url_variable} the address of a running one"
        )


class PortTaken(StartRefused):
    """Something listens on a port already, or this user may not."""

    def __init__(self, variable: str, port: int, reason: str) -> None:
        self.variable = variable
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.variable}: can't listen on port {self.port} ({self.reason})"


class DataFolderInUse(StartRefused):
    """Another process runs on the data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return f"GOIM_DATA_DIR: another `goimbus up` uses {self.folder}"


class DataFolderDamaged(StartRefused):
    """A file of the data folder can't be read or written as what it should be."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"GOIM_DATA_DIR: {self.path}: {self.reason}"


class ServiceRefused(StartRefused):
    """A service ended because of its settings: it has said which, and another start can't help."""

    def __init__(self, service: str) -> None:
        self.service = service

    def __str__(self) -> str:
        return f"{self.service} refuses its settings (see its lines above)"


class ServerFailed(Exception):
    """A server ended before it took connections; `output` holds its last lines."""

    def __init__(self, server: str, output: list[str]) -> None:
        self.server = server
        self.output = output

    def __str__(self) -> str:
        return "\n".join([f"{self.server} did not start:", *self.output])
