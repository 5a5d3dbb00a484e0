"""`goimbus account`: make, list and change accounts, as an operator with the API key."""

import os
import sys
from typing import Any

import click
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from goimbus.asking import Reply, api_key, ask
from schemas.messages_pb2 import (
    Account,
    AccountReply,
    DeactivateRequest,
    ListAccountsReply,
    ListAccountsRequest,
    LoginReply,
    LoginRequest,
    LoginsReply,
    LoginsRequest,
    ReactivateRequest,
    RegisterReply,
    RegisterRequest,
    RenameAccountRequest,
    RoleRequest,
    ShowAccountRequest,
)

ROLES = click.Choice(["user", "service", "operator"])
STATES = click.Choice(["pending", "active", "deactivated"])
MOST_LISTED = 500

as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


class Who(click.ParamType[dict[str, Any]]):
    """A mid, where it is all digits, else a name."""

    name = "mid|name"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the field of a request that says so."""
        if isinstance(value, dict):
            return value
        text = str(value)
        is_mid = text.isascii() and text.isdecimal() and 0 < int(text) < 2**63
        return {"mid": int(text)} if is_mid else {"name": text}


@click.group()
def command() -> None:
    """Make, list and change accounts. The auth service is asked on NATS.

    What operators do is opened by GOIM_API_KEY, from the environment or the data folder of a
    `goimbus up`. Passwords are prompted for, or read as a line from standard input.
    """


@command.command()
@click.argument("name")
@click.option("--role", type=ROLES, default="user", show_default=True)
@click.option("--contact", default="", help="Where a mailer sends codes.")
def create(name: str, role: str, contact: str) -> None:
    """Make an account, active at once, and print its mid."""
    password = _read_password(confirm=True)
    request = RegisterRequest(
        name=name, password=password, role=role, contact=contact, token=api_key(os.environ)
    )
    click.echo(_call("register", request, RegisterReply).mid)


@command.command()
@click.argument("name")
@click.option("--platform", default="", help="A label such as web or ios.")
@click.option("--key", default="", help="The connection key; without it a random one.")
@click.option("--room", default="", help="The room to enter at once.")
@as_json_option
def login(name: str, platform: str, key: str, room: str, as_json: bool) -> None:
    """Log in and print goim's auth JSON, which holds the token."""
    request = LoginRequest(
        name=name, password=_read_password(), platform=platform, key=key, room=room
    )
    reply = _call("login", request, LoginReply)
    click.echo(_json(reply) if as_json else reply.auth)


@command.command("list")
@click.option("--text", default="", help="Part of the name, in any letter case.")
@click.option("--role", type=ROLES)
@click.option("--state", type=STATES)
@click.option("--after", type=click.IntRange(0, 2**63 - 1), default=0, help="Mids above this.")
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=50, show_default=True)
@as_json_option
def list_accounts(
    text: str, role: str | None, state: str | None, after: int, limit: int, as_json: bool
) -> None:
    """List accounts in order of their mids."""
    request = ListAccountsRequest(
        token=api_key(os.environ),
        text=text,
        role=role or "",
        state=state or "",
        after=after,
        limit=limit,
    )
    reply = _call("list", request, ListAccountsReply)
    if as_json:
        click.echo(_json(reply))
        return
    _print_table(list(reply.accounts))
    if reply.more:
        click.echo(f"more: --after {reply.accounts[-1].mid}", err=True)


@command.command()
@click.argument("who", type=Who())
def show(who: dict[str, Any]) -> None:
    """Show an account as JSON."""
    request = ShowAccountRequest(token=api_key(os.environ), **who)
    click.echo(_json(_call("show", request, AccountReply).account))


@command.command()
@click.argument("who", type=Who())
def logins(who: dict[str, Any]) -> None:
    """List where somebody is logged in, as JSON."""
    request = LoginsRequest(token=api_key(os.environ), **who)
    click.echo(_json(_call("logins", request, LoginsReply)))


@command.command()
@click.argument("who", type=Who())
@click.argument("new_name")
def rename(who: dict[str, Any], new_name: str) -> None:
    """Give an account another name. The one it had stays its own: nobody else may take it."""
    request = RenameAccountRequest(token=api_key(os.environ), new_name=new_name, **who)
    _say(_call("rename", request, AccountReply))


@command.command()
@click.argument("who", type=Who())
def deactivate(who: dict[str, Any]) -> None:
    """Close an account: its logins end, its connections are cut, its name stays taken."""
    _say(_call("deactivate", DeactivateRequest(token=api_key(os.environ), **who), AccountReply))


@command.command()
@click.argument("who", type=Who())
def reactivate(who: dict[str, Any]) -> None:
    """Open a closed account again, or a pending one without its code."""
    _say(_call("reactivate", ReactivateRequest(token=api_key(os.environ), **who), AccountReply))


@command.command()
@click.argument("who", type=Who())
@click.argument("role", type=ROLES)
def role(who: dict[str, Any], role: str) -> None:
    """Give an account another role."""
    _say(_call("role", RoleRequest(token=api_key(os.environ), role=role, **who), AccountReply))


def _call(name: str, request: Message, reply_type: type[Reply]) -> Reply:
    return ask(f"accounts.{name}", request, reply_type, os.environ)


def _read_password(confirm: bool = False) -> str:
    """Return a password that nobody sees: never an argument, which others could list."""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=confirm)
        return password
    return sys.stdin.readline().rstrip("\r\n")


def _json(message: Message) -> str:
    text: str = MessageToJson(message, preserving_proto_field_name=True, indent=None)
    return text


def _say(reply: AccountReply) -> None:
    account = reply.account
    click.echo(f"{account.mid} {account.name}: {account.role}, {account.state}")


def _print_table(accounts: list[Account]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("mid", "name", "role", "state", "contact"):
        table.add_column(column, overflow="fold")
    for one in accounts:
        table.add_row(str(one.mid), one.name, one.role, one.state, one.contact)
    Console(highlight=False, markup=False).print(table)
