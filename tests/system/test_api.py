"""One definition of each call: what runs, what is documented and what commands do agree with it."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import click
import httpx
import nats

from goimbus.__main__ import main
from schemas.call import Caller
from schemas.calls import CALLS
from schemas.subjects import Subjects
from tests.system.running_system import RunningSystem
from tests.system.test_commands import run

GOIM = Subjects("goim")
SERVICES = {"goim-auth", "goim-router", "goim-store"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
WHO = {
    Caller.ANYONE: "anyone",
    Caller.MEMBER: "a member",
    Caller.OPERATOR: "an operator",
    Caller.GATEWAY: "gateways",
}


async def served_on_nats(url: str) -> set[str]:
    """Return the subjects that the services say they answer, without those of messages."""
    connection = await nats.connect(url)
    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox)
    await connection.publish("$SRV.INFO", b"", inbox)
    found: dict[str, set[str]] = {}
    while found.keys() != SERVICES:
        info = json.loads((await subscription.next_msg(20)).data)
        found[info["name"]] = {one["subject"] for one in info["endpoints"]}
    await connection.close()
    return {
        one for subjects in found.values() for one in subjects if "*" not in one and ">" not in one
    }


async def test_the_services_answer_each_call_and_no_other(system: RunningSystem) -> None:
    served = await served_on_nats(system.nats_url)
    assert served == {call.subject(GOIM) for call in CALLS}


async def test_each_call_by_http_reaches_its_service(system: RunningSystem) -> None:
    async with httpx.AsyncClient(base_url=system.http_url, timeout=30) as http:
        document: dict[str, Any] = (await http.get("/openapi.json")).json()
        posts = {path for path, item in document["paths"].items() if "post" in item}
        by_http = [call for call in CALLS if call.is_by_http]
        assert posts == {call.path for call in by_http}
        answers = await asyncio.gather(*(http.post(call.path, json={}) for call in by_http))
    for call, answer in zip(by_http, answers, strict=True):
        assert answer.status_code not in (404, 405) or answer.json()["error"]["reason"], call
        reason = answer.json().get("error", {}).get("reason")
        assert reason not in ("unavailable", "internal"), (call.full_name, answer.text)


def commands(group: click.Group, above: str = "") -> dict[str, click.Command]:
    """Return all commands without commands of their own, by their whole names."""
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        assert one is not None
        if isinstance(one, click.Group):
            found |= {f"{above}{name}": one, **commands(one, f"{above}{name} ")}
        else:
            found[f"{above}{name}"] = one
    return found


def test_each_command_that_makes_a_call_is_named_by_it() -> None:
    there = commands(main)
    named = {call.command for call in CALLS if call.command}
    assert named <= there.keys()
    of_calls = {name for name in there if name.startswith(("account ", "room "))}
    assert of_calls <= named


def test_the_document_lists_every_call() -> None:
    rows = re.findall(
        r"^\| `(\w+\.\w+)` \| ([\w ]+) \| (.+?) \| (?:`(.*?)`)? *\|$", DOCUMENT.read_text(), re.M
    )
    assert rows == [(c.full_name, WHO[c.caller], c.words, c.command) for c in CALLS]


def test_any_call_is_made_by_a_command(system: RunningSystem) -> None:
    answer = run(system, "call", "presence.members", '{"mids":[99887766]}')
    assert json.loads(answer.output) == {"members": [{"mid": "99887766"}]}
    assert run(system, "call", "accounts.list", '{"limit":1}').exit_code == 0
    assert "rooms.hand_over" in run(system, "call").output
    for words, told in (
        (["rooms.nothing"], "no call is named rooms.nothing"),
        (["rooms.get", '{"rom":"x"}'], "RoomRequest has: actor, room"),
        (["rooms.get", '{"room":"x"}'], "(bad_room)"),
        (["presence.members"], "(bad_field)"),
        (["rooms.get", "[]"], "a request is a JSON object"),
    ):
        refused = run(system, "call", *words)
        assert told in refused.output
        assert refused.exit_code
