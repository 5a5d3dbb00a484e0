"""`goimbus tail`: what a room or a member is sent, one line a message."""

import asyncio
import base64
import json
import os
import secrets
import signal
from contextlib import suppress
from typing import Any

import click

from bus.errors import SettingsRefused
from goimbus.addresses import Addresses
from goimbus.client import Client, ClientHooks, ConnectionState
from goimbus.client_errors import ClientError, UrlRefused
from goimbus.errors import DataFolderDamaged
from goimbus.local_token import local_token
from goimbus.messages import MEMBER_TOPIC, Gap, Live, Message, room_topic

DEFAULT_HISTORY = 10
DEFAULT_OPERATIONS = (4, 5, *range(1000, 1010))


@click.group()
def command() -> None:
    """Print the messages of a room or a member as they come; Ctrl-C ends it.

    Connects as a goim client to the gateway of a `goimbus up` on this machine (PORT), with a
    token that it makes from the secret in the data folder. A connection that is lost comes back,
    and what was missed meanwhile is printed then.
    """


def _options(function: Any) -> Any:
    for option in (
        click.option("--token", default="", help="To log in with, instead of an own one."),
        click.option("--url", default="", help="Of another gateway, such as tcp://host:3101."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a message."),
        click.option(
            "--history",
            type=click.IntRange(0, 10_000),
            default=DEFAULT_HISTORY,
            show_default=True,
            help="Begin with the newest that are kept.",
        ),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("room")
@_options
def room(room: str, **options: Any) -> None:
    """Print what is sent to a room, such as live://1000."""
    _run(room_topic(room), 0, room, (), **options)


@command.command()
@click.argument("mid", type=click.IntRange(1, 2**63 - 1))
@click.option(
    "--op",
    "operations",
    type=click.IntRange(-(2**31), 2**31 - 1),
    multiple=True,
    default=DEFAULT_OPERATIONS,
    help="Operations to accept; may be repeated.  [default: 4, 5, 1000 to 1009]",
)
@_options
def member(mid: int, operations: tuple[int, ...], **options: Any) -> None:
    """Print what is pushed to a member; counts as one more device of it."""
    _run(MEMBER_TOPIC, mid, "", operations, **options)


def _run(
    topic: str,
    mid: int,
    room: str,
    operations: tuple[int, ...],
    history: int,
    as_json: bool,
    url: str,
    token: str,
) -> None:
    printer = Printer(topic, as_json, skips_history=history == 0)
    try:
        addresses = Addresses.read(os.environ)

        async def new_token() -> str:
            return token or local_token(addresses.data_folder, os.environ, mid, room)

        client = Client(
            url or addresses.websocket_url,
            token=token or local_token(addresses.data_folder, os.environ, mid, room),
            mid=mid,
            room=room,
            key=f"tail-{secrets.token_hex(4)}",
            platform="tail",
            accepts=operations,
            resume={topic: -max(history, 1)},  # there is no word for "none"
            hooks=ClientHooks(new_token, _tell_state, printer.go_live),
        )
        asyncio.run(_tail(client, printer))
    except (ClientError, UrlRefused, SettingsRefused, DataFolderDamaged) as error:
        raise click.ClickException(str(error)) from None


async def _tail(client: Client, printer: "Printer") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    printing = asyncio.create_task(printer.print_all(client))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({printing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    printing.cancel()
    with suppress(asyncio.CancelledError):
        await printing


class Printer:
    """Prints items as they come; without a history only what is new in the topic."""

    def __init__(self, topic: str, as_json: bool, skips_history: bool) -> None:
        self._topic = topic
        self._line = _json_line if as_json else _line
        self._skips = skips_history

    def go_live(self, live: Live) -> None:
        """What comes from now on is new."""
        self._skips = self._skips and live.topic != self._topic

    async def print_all(self, client: Client) -> None:
        """Print until cancelled. Raises ClientError."""
        async with client:
            async for item in client:
                if not (self._skips and client.extended):
                    click.echo(self._line(item))


def _tell_state(state: ConnectionState) -> None:
    if not state.online:
        words = f"connection lost: {state.reason}; again in {state.retry_seconds:.1f} s"
        click.echo(click.style(words, dim=True), err=True)


def _line(item: Message | Gap) -> str:
    if isinstance(item, Gap):
        return f"{item.topic}  gone: the messages after {item.after} up to {item.to}"
    sequence = str(item.sequence) if item.sequence else "-"
    return f"{item.topic}  {sequence}  op {item.operation}  {_printable(item.body)}"


def _json_line(item: Message | Gap) -> str:
    if isinstance(item, Gap):
        return json.dumps({"topic": item.topic, "gap": {"after": item.after, "to": item.to}})
    values: dict[str, Any] = {
        "topic": item.topic,
        "sequence": item.sequence,
        "operation": item.operation,
    }
    try:
        values["body"] = item.body.decode()
    except UnicodeDecodeError:
        values["body_base64"] = base64.b64encode(item.body).decode()
    return json.dumps(values, ensure_ascii=False)


def _printable(body: bytes) -> str:
    """One line, and nothing that controls a terminal: what is no printable text is escaped."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
