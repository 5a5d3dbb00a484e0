"""`goimbus who`: who is connected, as the gateways report it."""

import asyncio
import json
import os
import time
from collections.abc import Coroutine
from typing import Any

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from bus.connection import Bus, Reply
from bus.errors import BusError, NoResponders, RpcError, SettingsRefused
from bus.replies import read_reply
from goimbus.addresses import Addresses
from goimbus.brief_bus import NatsAway, brief_bus
from schemas.calls import find_call
from schemas.messages_pb2 import Session, TotalReply, TotalRequest, WhoReply, WhoRequest

COLUMNS = ("member", "key", "room", "platform", "gateway", "for")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.pass_context
def command(context: click.Context, as_json: bool, limit: int) -> None:
    """List the connections of everybody, of a room, or of a member.

    Asks the router on NATS (NATS_URL, or the GOIM_NATS_PORT of a `goimbus up`).
    """
    context.obj = {"as_json": as_json, "limit": limit}
    if context.invoked_subcommand is None:
        _who(WhoRequest(limit=limit), as_json)


@command.command()
@click.argument("room")
@click.pass_obj
def room(options: dict[str, Any], room: str) -> None:
    """List who is in a room, such as live://1000."""
    _who(WhoRequest(room=room, limit=options["limit"]), options["as_json"])


@command.command()
@click.argument("mid", type=click.IntRange(1, 2**63 - 1))
@click.pass_obj
def member(options: dict[str, Any], mid: int) -> None:
    """List the connections of a member."""
    _who(WhoRequest(mid=mid, limit=options["limit"]), options["as_json"])


def _who(request: WhoRequest, as_json: bool) -> None:
    try:
        who, total = asyncio.run(_ask(request))
    except NoResponders as error:
        raise click.ClickException(f"{error}; that would be the router") from None
    except (BusError, RpcError, NatsAway, SettingsRefused) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(_as_values(who, total)))
    else:
        _print_table(who, total)


async def _ask(request: WhoRequest) -> tuple[WhoReply, TotalReply]:
    addresses = Addresses.read(os.environ)
    async with brief_bus(addresses.bus, "who") as bus:
        who, total = await asyncio.gather(
            _call(bus, "who", request), _call(bus, "total", TotalRequest())
        )
    return read_reply(who, WhoReply), read_reply(total, TotalReply)


def _call(bus: Bus, endpoint: str, request: Message) -> Coroutine[Any, Any, Reply]:
    return bus.call(
        find_call(f"presence.{endpoint}").subject(bus.subjects), request.SerializeToString()
    )


def _as_values(who: WhoReply, total: TotalReply) -> dict[str, Any]:
    sessions = [
        {**MessageToDict(one, preserving_proto_field_name=True), "mid": one.mid}
        | {"since_ms": one.since_ms}
        for one in who.sessions
    ]
    return {"found": who.found, "connections": total.connections, "sessions": sessions}


def _print_table(who: WhoReply, total: TotalReply) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold")
    now_ms = time.time() * 1000
    for one in who.sessions:
        table.add_row(*_cells(one, now_ms))
    console = Console(highlight=False)
    if who.sessions:
        console.print(table)
    shown = "" if len(who.sessions) == who.found else f" ({len(who.sessions)} shown)"
    connections = _count(total.connections, "connection", "connections")
    addresses = _count(total.client_addresses, "address", "addresses")
    console.print(f"{who.found} found{shown}; {connections} in all, from {addresses}", style="dim")


def _cells(one: Session, now_ms: float) -> tuple[str, ...]:
    member = str(one.mid) if one.mid > 0 else "-"
    gateway = one.gateway or one.session.rpartition(".")[0]
    duration = _duration((now_ms - one.since_ms) / 1000)
    rooms = " ".join(dict.fromkeys(room for room in (one.room, *one.rooms) if room))
    cells = (member, one.key, rooms or "-", one.platform or "-", gateway, duration)
    return tuple(_printable(cell) for cell in cells)


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _printable(text: str) -> str:
    """What clients chose must neither be markup for rich nor control a terminal."""
    return "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text
    ).replace("[", r"\[")
