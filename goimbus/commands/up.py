"""`goimbus up`: everything on this machine, with embedded NATS and Valkey."""

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

import goimbus
from bus.environment import Environment
from bus.errors import SettingsRefused
from bus.lifecycle import SETTINGS_REFUSED_STATUS
from goimbus.embedded import (
    EmbeddedServer,
    find_nats_server,
    find_valkey_server,
    nats_server,
    valkey_server,
)
from goimbus.errors import DataFolderDamaged, DataFolderInUse, ServerFailed, StartRefused
from goimbus.local_secrets import FILE, load_secrets
from goimbus.part import PartPlan
from goimbus.prefixed_output import PrefixedOutput
from goimbus.probe import check_port_is_free
from goimbus.procfile import ProcfileRefused, parse_procfile
from goimbus.supervisor import NAME, Supervisor
from goimbus.up_settings import UpSettings

PROCFILE = Path(goimbus.__path__[0]).parent / "Procfile"
GATEWAY = "web"  # the process type that hosts route to
STOP_MARGIN_SECONDS = 2.0  # beside the time that the gateway takes to drain
NATS_LEVELS_SHOWN = ("[WRN]", "[ERR]", "[FTL]")
NATS_HIDDEN = "Plaintext passwords detected"  # the empty one of the only, anonymous user


@click.command()
@click.option(
    "--procfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=PROCFILE,
    help="Which services to run; in its folder.",
)
def command(procfile: Path) -> None:
    """Run everything on this machine; Ctrl-C ends it.

    NATS_URL and REDIS_URL name running servers to use; without them, embedded ones are started.
    """
    try:
        _run(dict(os.environ), procfile.absolute())
    except (SettingsRefused, StartRefused, ProcfileRefused) as refused:
        for line in str(refused).splitlines():
            click.echo(f"goimbus up: {line}", err=True)
        sys.exit(SETTINGS_REFUSED_STATUS)
    except ServerFailed as failed:
        click.echo(f"goimbus up: {failed}", err=True)
        sys.exit(1)


def _run(variables: dict[str, str], procfile: Path) -> None:
    environment = Environment(variables)
    settings = UpSettings.read(environment)
    environment.check()
    services = parse_procfile(procfile.read_text())
    with _locked(settings.data_folder):
        for variable, host, port in settings.listening():
            check_port_is_free(variable, host, port)
        secrets = load_secrets(settings.data_folder, variables)
        servers = _servers(settings, variables)
        output = PrefixedOutput()
        if settings.auth == "open":
            output.say(NAME, "warning: GOIM_AUTH=open: clients are who they say they are")

        def service_plans(urls: list[str]) -> list[PartPlan]:
            found = dict(zip((server.name for server in servers), urls, strict=True))
            for_services = settings.for_services(
                variables,
                secrets,
                nats=settings.nats_url or found["nats"],
                redis=settings.redis_url or found["valkey"],
            )
            return [
                PartPlan(name, words, procfile.parent, for_services)
                for name, words in services.items()
            ]

        asyncio.run(_supervise(settings, output, servers, service_plans))


async def _supervise(
    settings: UpSettings,
    output: PrefixedOutput,
    servers: list[EmbeddedServer],
    service_plans: Callable[[list[str]], list[PartPlan]],
) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    plans = [_server_plan(server, settings.data_folder) for server in servers]
    stop_seconds = settings.drain_seconds + STOP_MARGIN_SECONDS
    supervisor = Supervisor(output, plans, service_plans, GATEWAY, stop_seconds)
    await supervisor.run(settings.port, lambda: _urls(settings, clock() - began))
    output.say(NAME, "ended")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the data folder, made if need be, for this process alone. Raises StartRefused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataFolderDamaged(folder, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DataFolderInUse(folder) from None
    finally:
        os.close(lock)


def _servers(settings: UpSettings, variables: Mapping[str, str]) -> list[EmbeddedServer]:
    folder = settings.data_folder
    servers = []
    if not settings.nats_url:
        binary = find_nats_server(variables)
        servers.append(nats_server(binary, folder, settings.nats_port, settings.prefix))
    if not settings.redis_url:
        servers.append(valkey_server(find_valkey_server(variables), folder))
    return servers


def _server_plan(server: EmbeddedServer, folder: Path) -> PartPlan:
    def shows(line: str) -> bool:
        return any(level in line for level in NATS_LEVELS_SHOWN) and NATS_HIDDEN not in line

    return PartPlan(server.name, server.command, folder, dict(os.environ), server, shows)


def _urls(settings: UpSettings, seconds: float) -> str:
    lines = [
        f"ready after {seconds:.1f} s",
        f"  page         http://127.0.0.1:{settings.port}/",
        f"  WebSocket    ws://127.0.0.1:{settings.port}/sub",
    ]
    if settings.tcp_port > 0:
        lines.append(f"  TCP          127.0.0.1:{settings.tcp_port}")
    if settings.http_port > 0:
        lines.append(
            f"  push API     http://{settings.http_host}:{settings.http_port}/goim/push/room"
        )
    lines.append(f"  NATS         {settings.nats_url or f'nats://127.0.0.1:{settings.nats_port}'}")
    lines.append(f"  secrets in   {settings.data_folder / FILE}")
    return "\n".join(lines)
