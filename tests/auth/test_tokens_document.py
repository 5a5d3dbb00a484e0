"""docs/tokens.md says what the code does: its examples are run, its tables compared."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse

from auth.check import AuthRules, check_body
from auth.errors import Refused
from auth.grant import RoomGrant, decode_request
from auth.keys import HS256, KeyRing, make_key
from auth.settings import Settings
from auth.tokens import TokenRules
from bus.environment import Environment
from bus.settings import BusSettings
from schemas import messages_pb2

from .signing import NOW, SECRET, SIGNED_ONLY, forge


@pytest.fixture(scope="module")
def document() -> str:
    return (Path(__file__).parents[2] / "docs" / "tokens.md").read_text()


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)


def rows(document: str, heading: str) -> list[list[str]]:
    section = document.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_claims_that_are_shown_make_a_token(document: str) -> None:
    claims = json.loads(blocks(document, "json")[0])
    signed = forge({"alg": "HS256", "kid": "1"}, claims)
    rules = AuthRules(TokenRules(KeyRing.of([make_key("1", HS256, SECRET)]), "goimbus"))
    grant = check_body(signed, rules, NOW).grant
    assert grant.mid == 123
    assert grant.accepts == [1000, 1001]
    assert grant.rooms == [
        RoomGrant("live://*", receive=True, send=True, history=True),
        RoomGrant("vip://7", receive=True, send=True, history=True),
    ]


def test_the_python_that_is_shown_makes_a_token(document: str) -> None:
    names: dict[str, Any] = {}
    exec(blocks(document, "python")[0], names)
    ring = KeyRing.of([make_key("1", HS256, names["secret"])])
    grant = check_body(names["token"], AuthRules(TokenRules(ring, "goimbus")), time.time()).grant
    assert (grant.mid, grant.rooms[0].pattern) == (123, "live://*")


def test_request_grant_and_refusal_that_are_shown_are_of_the_schema(document: str) -> None:
    request, grant, refusal = blocks(document, "json")[1:]
    assert decode_request(request.strip().encode()).address == "192.0.2.1"
    Parse(request, messages_pb2.AuthRequest())
    assert Parse(grant, messages_pb2.Grant()).rooms[0].history
    assert Parse(refusal, messages_pb2.Grant()).error.retry == "never"


def test_every_reason_to_refuse_is_listed_with_its_code(document: str) -> None:
    listed = {
        reason: int(row[1])
        for row in rows(document, "Refusals")
        for reason in re.findall(r"`(\w+)`", row[0])
    }
    kinds = [*Refused.__subclasses__()]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    assert listed == {one.reason: one.code.number for one in kinds if hasattr(one, "reason")}


def test_every_setting_is_listed_with_its_default(document: str) -> None:
    asked: set[str] = set()

    class Recorder(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return super().get(name, default)

    BusSettings.read(Environment(Recorder()))
    shared = set(asked)
    settings = Settings.read(Environment(Recorder(GOIM_AUTH_SECRET=SECRET)))
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows(document, "Settings of")}
    of_accounts = {name for name in asked if name.startswith("GOIM_ACCOUNT")}
    assert set(listed) == asked - shared - of_accounts - {"GOIM_API_KEY", "GOIM_REPLICAS"}
    tokens = settings.rules.tokens
    assert listed["GOIM_AUTH_AUDIENCE"] == tokens.audience
    assert listed["GOIM_AUTH_LEEWAY_SECONDS"] == str(tokens.leeway_seconds)
    assert listed["GOIM_AUTH_MAX_TOKEN_BYTES"] == str(tokens.max_bytes)
    assert listed["GOIM_AUTH_MAX_BODY_BYTES"] == str(settings.rules.max_body_bytes)


def test_the_forms_of_the_body_that_are_shown_are_refused_or_taken_as_said(document: str) -> None:
    unsigned = '{"mid":123,"room_id":"live://1000","accepts":[1000]}'
    assert f"`{unsigned}`" in document
    with pytest.raises(Refused, match="a signed token is needed"):
        check_body(unsigned, SIGNED_ONLY, NOW)
