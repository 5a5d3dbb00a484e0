"""`goimbus room`: open, list and look after rooms, as a service on NATS."""

import os
from collections.abc import Callable
from typing import Any

import click
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from goimbus.asking import Reply, ask
from schemas.messages_pb2 import (
    DescribeRoomRequest,
    ListRoomsReply,
    ListRoomsRequest,
    OpenRoomRequest,
    RegulateRoomRequest,
    RenameRoomRequest,
    Room,
    RoomMemberRequest,
    RoomReply,
    RoomRequest,
)

Command = Callable[..., Any]
ACCESS = click.Choice(["public", "invitation"])
SENDERS = click.Choice(["members", "admins"])
MID = click.IntRange(1, 2**63 - 1)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
COLUMNS = ("room", "name", "access", "senders", "owner", "members")


class Duration(click.ParamType[int]):
    """Seconds, or `90s`, `10m`, `2h`, `7d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds."""
        text = str(value)
        digits, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
            self.fail("a duration is such as 90s, 10m, 2h or 7d", param, ctx)
        return int(digits) * UNITS[unit]


@click.group()
def command() -> None:
    """Open, list and look after rooms. The router is asked on NATS, as a service.

    Rooms are named such as chat://us. docs/rooms.md says what the words mean.
    """


@command.command("open")
@click.argument("room")
@click.option("--owner", type=MID, help="Whose room it is; without one, services look after it.")
@click.option("--name", default="")
@click.option("--description", default="")
@click.option("--access", type=ACCESS, default="public", show_default=True)
@click.option("--senders", type=SENDERS, default="members", show_default=True)
def open_(
    room: str, owner: int | None, name: str, description: str, access: str, senders: str
) -> None:
    """Give a room a record, or open a closed one again."""
    request = OpenRoomRequest(
        room=room,
        owner=owner or 0,
        name=name,
        description=description,
        access=access,
        senders=senders,
    )
    _tell(_call("open", request, RoomReply))


@command.command()
@click.argument("room")
@click.option("--reason", default="")
def close(room: str, reason: str) -> None:
    """Close a room: everybody leaves, nobody enters."""
    _tell(_call("close", RoomRequest(room=room, reason=reason), RoomReply))


@command.command()
@click.argument("room")
def show(room: str) -> None:
    """Print all that is known of a room, as JSON."""
    _print_json(_call("get", RoomRequest(room=room), RoomReply).room)


@command.command("list")
@click.option("--member", type=MID, help="Rooms that this member is in or invited to.")
@click.option("--type", "room_type", default="", help="Rooms of this type.")
@click.option("--search", default="", help="Part of id, name or description.")
@click.option("--after", default="", help="The last room of the page before.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_(
    member: int | None, room_type: str, search: str, after: str, limit: int, as_json: bool
) -> None:
    """List rooms that have a record."""
    if member and search:
        raise click.UsageError("--member and --search can't be combined")
    request = ListRoomsRequest(
        mid=member or 0, type=room_type, text=search, after=after, limit=limit
    )
    reply = _call("search" if search else "list", request, ListRoomsReply)
    if as_json:
        _print_json(reply)
    else:
        _print_table(reply)


@command.command()
@click.argument("room")
@click.argument("name")
def rename(room: str, name: str) -> None:
    """Call a room something else."""
    _tell(_call("rename", RenameRoomRequest(room=room, name=name), RoomReply))


@command.command()
@click.argument("room")
@click.argument("description")
def describe(room: str, description: str) -> None:
    """Describe a room."""
    _tell(_call("describe", DescribeRoomRequest(room=room, description=description), RoomReply))


@command.command()
@click.argument("room")
@click.option("--access", type=ACCESS)
@click.option("--senders", type=SENDERS)
def regulate(room: str, access: str | None, senders: str | None) -> None:
    """Change who may enter, and who may send."""
    request = RegulateRoomRequest(room=room, access=access or "", senders=senders or "")
    _tell(_call("regulate", request, RoomReply))


def _member_command(name: str, words: str, with_reason: bool, with_time: bool) -> None:
    """Add a command that does something to one member."""

    def act(room: str, mid: int, reason: str = "", seconds: int = 0) -> None:
        request = RoomMemberRequest(room=room, mid=mid, reason=reason, seconds=seconds)
        _tell(_call(name, request, RoomReply))

    decorated: Command = click.argument("mid", type=MID)(act)
    decorated = click.argument("room")(decorated)
    if with_reason:
        decorated = click.option("--reason", default="", help="Told to the member.")(decorated)
    if with_time:
        decorated = click.option(
            "--for", "seconds", type=Duration(), default=0, help="Such as 10m; else for good."
        )(decorated)
    command.command(name.replace("_", "-"), help=words)(decorated)


for _name, _words, _with_reason, _with_time in (
    ("invite", "Let a member join.", False, False),
    ("kick", "Put a member out at once.", True, False),
    ("ban", "Put a member out, and keep it out.", True, True),
    ("unban", "End a ban.", False, False),
    ("mute", "Let a member read, not send.", True, True),
    ("unmute", "End a mute.", False, False),
    ("promote", "Make a member an admin.", False, False),
    ("demote", "Make an admin a member.", False, False),
    ("hand_over", "Make a member the owner.", False, False),
):
    _member_command(_name, _words, _with_reason, _with_time)


def _call(call: str, request: Message, reply_type: type[Reply]) -> Reply:
    return ask(f"rooms.{call}", request, reply_type, os.environ)


def _tell(reply: RoomReply) -> None:
    room = reply.room
    done = "done" if reply.changed else "it was so already"
    words = f"{room.access}, {room.member_count} members, revision {room.revision}"
    click.echo(f"{done}: {_printable(room.room)} is {words}")


def _print_json(message: Message) -> None:
    click.echo(MessageToJson(message, preserving_proto_field_name=True, indent=None))


def _print_table(reply: ListRoomsReply) -> None:
    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold")
    for room in reply.rooms:
        table.add_row(*_cells(room))
    if reply.rooms:
        console.print(table)
    more = f"; more with --after {_printable(reply.rooms[-1].room)}" if reply.more else ""
    console.print(f"{len(reply.rooms)} shown{more}", style="dim", markup=False)


def _cells(room: Room) -> tuple[str, ...]:
    owner = str(room.owner) if room.owner else "-"
    cells = (room.room, room.name or "-", room.access, room.senders, owner, str(room.member_count))
    return tuple(_printable(cell).replace("[", r"\[") for cell in cells)


def _printable(text: str) -> str:
    """What people chose must not control a terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
