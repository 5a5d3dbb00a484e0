"""docs/storage.md says what is so."""

import json
import re
from dataclasses import fields
from pathlib import Path

from bus.environment import Environment
from bus.metrics import Metrics
from store.settings import Settings
from tests.store.harness import System


async def test_the_requests_in_the_document_are_answered(system: System, checkout: Path) -> None:
    await system.start_store()
    text = (checkout / "docs/storage.md").read_text()
    requests = re.findall(r"^goim\.(store\.\w+) (\{.*\})$", text, re.MULTILINE)
    assert len(requests) == 9
    for subject, request in requests:
        reply = await system.bus.call(f"{system.prefix}.{subject}", request.encode())
        assert "error" not in json.loads(reply.payload), subject


def test_the_document_lists_the_settings_with_their_defaults(checkout: Path) -> None:
    text = (checkout / "docs/storage.md").read_text()
    rows = re.findall(r"^\| `(GOIM_\w+)` \| (\d*) ?\|", text, re.MULTILINE)
    defaults = Settings.read(Environment({}))
    read = Settings.read(Environment({name: value for name, value in rows if value}))
    assert read == defaults
    assert len(rows) == len(fields(Settings)) - 1


async def test_the_readings_in_the_document_exist(system: System, checkout: Path) -> None:
    process = await system.start_store()
    metrics = Metrics()
    metrics.add(process.store.readings)
    shown = metrics.render().decode()
    text = (checkout / "docs/storage.md").read_text()
    readings = re.findall(r"^\| `(goim_store_\w+)(\{.*?\})?` \|", text, re.MULTILINE)
    assert len(readings) == 11
    for name, labels in readings:
        assert name + labels in shown
