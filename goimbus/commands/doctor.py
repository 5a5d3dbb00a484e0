"""`goimbus doctor`: is everything there that Goimbus needs, and what to do where it is not."""

import asyncio
import os
import sys
from pathlib import Path

import click

import goimbus
from bus.environment import Environment
from bus.errors import SettingsRefused
from bus.settings import BusSettings
from goimbus.doctor_checks import (
    Finding,
    check_nats,
    check_open_files,
    check_redis,
    check_settings,
)
from goimbus.embedded import NATS_CONFIG_FILE, valkey_url
from goimbus.errors import StartRefused
from goimbus.local_secrets import load_secrets
from goimbus.procfile import Processes, ProcfileRefused, parse_procfile
from goimbus.up_settings import UpSettings

PROCFILE = Path(goimbus.__path__[0]).parent / "Procfile"
WORDS = {True: ("ok", "green"), False: ("FAIL", "red"), None: ("hint", "yellow")}
CONNECTIONS = 18_000  # the gateway's own default


@click.command()
@click.option(
    "--procfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=PROCFILE,
    help="Whose services are asked about their settings.",
)
def command(procfile: Path) -> None:
    """Check settings, NATS, Redis, streams, clock and limits; says what to do.

    Where NATS_URL is not set and a data folder of `goimbus up` is there, that one is looked at.
    Exit status 1 when something is wrong.
    """
    try:
        variables, folder = _settled(dict(os.environ))
        services = parse_procfile(procfile.read_text())
        findings = asyncio.run(_examine(variables, folder, services, procfile.absolute().parent))
    except (SettingsRefused, StartRefused, ProcfileRefused) as refused:
        findings = [Finding("settings", False, line) for line in str(refused).splitlines()]
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        word, color = WORDS[finding.fine]
        line = f"{click.style(f'{word:4}', fg=color)}  {finding.name:{width}}  {finding.words}"
        click.echo(line)
    if any(finding.fine is False for finding in findings):
        sys.exit(1)


def _settled(variables: dict[str, str]) -> tuple[dict[str, str], Path | None]:
    """Return the services' environment, and the data folder of `goimbus up` if that runs them."""
    environment = Environment(variables)
    settings = UpSettings.read(environment)
    environment.check()
    folder = settings.data_folder
    if settings.nats_url or not (folder / NATS_CONFIG_FILE).exists():
        return {**os.environ, "PATH": settings.path(variables)}, None
    nats_url = f"nats://127.0.0.1:{settings.nats_port}"
    redis_url = settings.redis_url or valkey_url(folder)
    secrets = load_secrets(folder, variables)
    return settings.for_services(variables, secrets, nats_url, redis_url), folder


async def _examine(
    variables: dict[str, str], folder: Path | None, services: Processes, root: Path
) -> list[Finding]:
    environment = Environment(variables)
    bus = BusSettings.read(environment)
    redis_url = environment.text("REDIS_URL", "redis://127.0.0.1:6379")
    verify = environment.flag("GOIM_REDIS_VERIFY", True)
    connections = environment.integer("GOIM_MAX_CONNECTIONS", CONNECTIONS, 1)
    environment.check()
    settings = [check_settings(name, words, variables, root) for name, words in services.items()]
    config = folder / NATS_CONFIG_FILE if folder is not None else None
    return [
        *await asyncio.gather(*settings),
        *await check_nats(bus.nats_url, bus.nats_credentials, bus.prefix, config),
        await check_redis(redis_url, verify),
        check_open_files(connections),
    ]
