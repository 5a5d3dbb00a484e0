"""Anybody can take the place of our auth service, knowing nothing but NATS and JSON."""

import ast
import importlib.util
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse

from auth.grant import AuthRequest
from bus.connection import Bus
from bus.settings import BusSettings
from schemas import messages_pb2
from tests.bus.conftest import PATIENT_SECONDS
from tests.plain_nats import settle


@pytest.fixture
def example(checkout: Path) -> Any:
    spec = importlib.util.spec_from_file_location(
        "auth_responder", checkout / "examples" / "auth_responder.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    settings = BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=PATIENT_SECONDS)
    connected = await Bus.connect(settings, "test")
    yield connected
    await connected.drain()


def test_the_example_imports_nothing_of_ours(checkout: Path) -> None:
    tree = ast.parse((checkout / "examples" / "auth_responder.py").read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported == {"asyncio", "json", "sys", "nats"}


async def test_a_strangers_responder_answers_what_the_gateway_asks(
    example: Any, bus: Bus, nats_url: str
) -> None:
    subject = bus.subjects.rpc("auth", "check")
    stranger = await example.answer_checks(nats_url, bus.subjects.prefix)
    await settle(stranger)

    async def check(body: str) -> messages_pb2.Grant:
        request = {"token": body, "gateway": "g1", "address": "192.0.2.1", "transport": "ws"}
        assert set(request) <= set(AuthRequest.__struct_fields__)
        reply = await bus.call(subject, json.dumps(request).encode())
        return Parse(reply.payload, messages_pb2.Grant())

    granted, refused = await check("letmein"), await check("open sesame")
    pong = await bus.call(f"$SRV.PING.{bus.subjects.prefix}-auth", b"")
    await stranger.close()
    assert json.loads(pong.payload)["name"] == f"{bus.subjects.prefix}-auth"
    assert (granted.mid, list(granted.accepts)) == (123, [1000])
    assert (granted.rooms[0].pattern, granted.rooms[0].send) == ("live://*", True)
    assert not granted.HasField("error")
    assert (refused.error.code, refused.error.retry) == (4001, "never")
