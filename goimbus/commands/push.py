"""`goimbus push`: a message to a room, a member, a connection key, or everybody."""

import asyncio
import http.client
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from bus.connection import Bus
from bus.errors import BusError, NoResponders, RpcError, SettingsRefused
from bus.replies import read_reply
from goimbus.addresses import Addresses
from goimbus.brief_bus import NatsAway, brief_bus
from goimbus.push_request import (
    Kind,
    Push,
    Pushed,
    PushFailed,
    http_path,
    nats_headers,
    nats_subject,
    read_http_answer,
    read_key_answer,
    read_stream_answer,
)
from schemas.calls import find_call
from schemas.messages_pb2 import PushReply, PushRequest
from schemas.subjects import IdRefused

ANSWER_SECONDS = 10.0
DEFAULT_OPERATION = 1000


@click.group()
def command() -> None:
    """Push a message and say what became of it. BODY `-` is standard input.

    By goim's HTTP API of a `goimbus up` on this machine (GOIM_HTTP_PORT), or with --nats by
    publishing on NATS (NATS_URL, GOIM_NATS_PORT). Exit status 1 when it was not taken.
    """


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--nats", is_flag=True, help="Publish on NATS instead of HTTP."),
        click.option("--id", "message_id", default="", help="The same id again is stored once."),
        click.option(
            "--op",
            "operation",
            type=click.IntRange(-(2**31), 2**31 - 1),
            default=DEFAULT_OPERATION,
            show_default=True,
            help="goim's operation number.",
        ),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("room")
@click.argument("body")
@_options
def room(room: str, body: str, **options: Any) -> None:
    """Push to all in a room, such as live://1000, and to those who come later."""
    _push("room", room, body, **options)


@command.command()
@click.argument("mid", type=click.IntRange(1, 2**63 - 1))
@click.argument("body")
@_options
def member(mid: int, body: str, **options: Any) -> None:
    """Push to all devices of a member that accept the operation; it waits for the others."""
    _push("member", str(mid), body, **options)


@command.command()
@click.argument("key")
@click.argument("body")
@_options
def key(key: str, body: str, **options: Any) -> None:
    """Push to the connection with a key; it is not kept."""
    _push("key", key, body, **options)


@command.command("all")
@click.argument("body")
@click.option(
    "--speed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    help="Connections a second; 0: at once.",
)
@_options
def everybody(body: str, speed: int, **options: Any) -> None:
    """Push to every connection that accepts the operation."""
    _push("all", "", body, speed=speed, **options)


def _push(
    kind: Kind,
    target: str,
    body: str,
    operation: int,
    nats: bool,
    message_id: str,
    speed: int = 0,
) -> None:
    data = sys.stdin.buffer.read() if body == "-" else os.fsencode(body)
    push = Push(kind, target, operation, data, speed, message_id)
    try:
        addresses = Addresses.read(os.environ)
        pushed = asyncio.run(_by_nats(push, addresses)) if nats else _by_http(push, addresses)
    except (PushFailed, SettingsRefused, IdRefused) as failed:
        raise click.ClickException(str(failed)) from None
    click.echo(pushed.sentence)
    if pushed.is_lost:
        raise click.ClickException("nobody got it: a push to a key is not kept")


def _by_http(push: Push, addresses: Addresses) -> Pushed:
    path = http_path(push)
    parts = urlsplit(addresses.http_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", path, push.body)
        answer = connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        words = f"{addresses.http_url} does not answer ({error}): is `goimbus up` running?"
        raise PushFailed(words) from None
    finally:
        connection.close()
    return read_http_answer(push.kind, answer)


async def _by_nats(push: Push, addresses: Addresses) -> Pushed:
    try:
        async with brief_bus(addresses.bus, "push") as bus:
            return await _publish(push, bus)
    except NoResponders as error:
        who = "the router" if push.kind == "key" else "a stream: has the store run here?"
        raise PushFailed(f"{error}; that would be {who}") from None
    except (NatsAway, BusError, RpcError) as error:
        raise PushFailed(str(error)) from None


async def _publish(push: Push, bus: Bus) -> Pushed:
    if push.kind == "key":
        request = PushRequest(operation=push.operation, body=push.body, keys=[push.target])
        subject = find_call("pushes.keys").subject(bus.subjects)
        return read_key_answer(
            read_reply(await bus.call(subject, request.SerializeToString()), PushReply)
        )
    subject = nats_subject(push, bus.subjects)
    reply = await bus.call(subject, push.body, ANSWER_SECONDS, nats_headers(push))
    return read_stream_answer(push.kind, reply.payload)
