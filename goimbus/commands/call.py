"""`goimbus call`: any call of the API, in JSON, as a service on NATS."""

import os
from typing import Any

import click
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from rich.console import Console
from rich.table import Table

from goimbus.asking import api_key, ask_call
from schemas.call import Call
from schemas.calls import CALLS, find_call


@click.command()
@click.argument("name", required=False)
@click.argument("request", default="{}")
def command(name: str | None, request: str) -> None:
    """Make a call such as rooms.get '{"room":"chat://us"}'; without a NAME list all calls.

    It is asked on NATS. Where a call wants a token and none is given, it is the API key.
    """
    if name is None:
        _list()
        return
    try:
        call = find_call(name)
    except KeyError:
        raise click.UsageError(f"no call is named {name}: `goimbus call` lists all") from None
    message = _read(call, request)
    if "token" in call.request.DESCRIPTOR.fields_by_name and not message.token:
        message.token = api_key(os.environ)
    reply = ask_call(call, message, os.environ)
    click.echo(MessageToJson(reply, preserving_proto_field_name=True, indent=None))


def _read(call: Call, request: str) -> Any:
    try:
        if not request.lstrip().startswith("{"):
            raise ParseError("a request is a JSON object")
        return Parse(request, call.request())
    except ParseError as error:
        fields = ", ".join(call.request.DESCRIPTOR.fields_by_name)
        words = f"{error}. {call.request.DESCRIPTOR.name} has: {fields or 'no fields'}"
        raise click.UsageError(words) from None


def _list() -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("call", "request", "what it does"):
        table.add_column(name, overflow="fold")
    for call in CALLS:
        table.add_row(call.full_name, call.request.DESCRIPTOR.name, call.words)
    Console(highlight=False).print(table)
