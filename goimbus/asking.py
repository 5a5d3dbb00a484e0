"""EDGE a call of the API made by a command: a request on NATS, its answer or words for people."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import click
from google.protobuf.message import Message

from bus.errors import BusError, NoResponders, RpcError, SettingsRefused
from bus.replies import read_reply
from goimbus.addresses import Addresses
from goimbus.brief_bus import NatsAway, brief_bus
from goimbus.errors import DataFolderDamaged
from goimbus.local_secrets import FILE, load_secrets
from schemas.call import Call
from schemas.calls import find_call

API_KEY = "GOIM_API_KEY"
Reply = TypeVar("Reply", bound=Message)
ANSWERED_BY = {"accounts": "the auth service", "store": "the store"}  # the others: the router


def ask(
    full_name: str, request: Message, reply_type: type[Reply], variables: Mapping[str, str]
) -> Reply:
    """Return the answer to a call such as `rooms.open`. Raises click.ClickException."""
    call = find_call(full_name)
    assert (type(request), reply_type) == (call.request, call.reply), full_name
    answer: Reply = ask_call(call, request, variables)
    return answer


def ask_call(call: Call, request: Message, variables: Mapping[str, str]) -> Any:
    """Return the answer to any call, of its reply's type. Raises click.ClickException."""
    try:
        return asyncio.run(_ask(call, request, variables))
    except NoResponders as error:
        answered_by = ANSWERED_BY.get(call.service, "the router")
        raise click.ClickException(f"{error}; that would be {answered_by}") from None
    except RpcError as error:
        raise click.ClickException(f"{error.message} ({error.reason or error.code})") from None
    except (BusError, NatsAway, SettingsRefused) as error:
        raise click.ClickException(str(error)) from None


def api_key(variables: Mapping[str, str]) -> str:
    """Return the key that opens what operators do."""
    if key := variables.get(API_KEY):
        return key
    try:
        folder = Addresses.read(variables).data_folder
        if (folder / FILE).exists():
            return load_secrets(folder, variables)[API_KEY]
    except (DataFolderDamaged, SettingsRefused) as error:
        raise click.ClickException(str(error)) from None
    words = f"no API key: {API_KEY} is not set, and there is no {folder / FILE} of a `goimbus up`"
    raise click.ClickException(words)


async def _ask(call: Call, request: Message, variables: Mapping[str, str]) -> Message:
    async with brief_bus(Addresses.read(variables).bus, call.service) as bus:
        reply = await bus.call(call.subject(bus.subjects), request.SerializeToString())
        return read_reply(reply, call.reply)
