"""`goimbus conformance`: others' test suites on WebSocket and HTTP API (docs/conformance.md)."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from conformance.api import check_api
from conformance.cases import SLOW, Outcome, gateway_under_test, judge, run_cases
from conformance.errors import ConformanceError
from goimbus.embedded import ANY_PORT, find_nats_server, nats_server, running
from goimbus.errors import StartRefused


@click.command()
@click.argument("case", nargs=-1)
@click.option("--quick", is_flag=True, help="Without large messages and compression (9, 12, 13).")
@click.option("--api", metavar="URL", help="Try the HTTP API of a running Goimbus instead.")
@click.option("--key", default="", help="Its API key; a trusted listener needs none.")
@click.option(
    "--seconds",
    type=click.IntRange(min=0),
    default=60,
    show_default=True,
    help="How long to try the API; 0: the edges of each field, once.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="What is tried then.")
def command(
    case: tuple[str, ...], quick: bool, api: str | None, key: str, seconds: int, seed: int
) -> None:
    """Run CASE ... (such as 6.4.1 or '9.*'; all of them without a name) on the gateway.

    Exit status 1 when a case was not passed, 2 when there was no verdict.
    """
    began = time.monotonic()
    try:
        if api is not None:
            findings = check_api(api.rstrip("/"), key, seconds, seed)
            click.echo(findings.report)
            sys.exit(0 if findings.is_clean else 1)
        with tempfile.TemporaryDirectory(prefix="goimbus-conformance-") as folder:
            outcome = _run(Path(folder), case, SLOW if quick else ())
    except (ConformanceError, StartRefused) as failed:
        click.echo(f"goimbus conformance: {failed}", err=True)
        sys.exit(2)
    click.echo(f"{outcome.in_words()} in {time.monotonic() - began:.0f} s")
    sys.exit(0 if outcome.is_clean else 1)


def _run(folder: Path, cases: Sequence[str], without: Sequence[str]) -> Outcome:
    server = nats_server(find_nats_server(os.environ), folder, ANY_PORT, "goim")
    with running(server) as nats_url, gateway_under_test(nats_url) as url:
        return judge(asyncio.run(run_cases(url, cases, without)))
