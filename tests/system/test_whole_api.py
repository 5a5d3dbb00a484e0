"""The whole API without our client: a script with plain nats-py alone makes every call."""

import asyncio
import os
import sys
from pathlib import Path

from schemas.call import Caller
from schemas.calls import CALLS
from schemas.subjects import Subjects
from tests.system.running_system import RunningSystem
from tests.system.test_accounts import api_key, until_gateways_report

SCRIPT = Path(__file__).parents[2] / "examples" / "whole_api.py"
OF_GATEWAYS = {call.subject(Subjects()) for call in CALLS if call.caller is Caller.GATEWAY}


async def test_plain_nats_makes_every_call(system: RunningSystem) -> None:
    assert "import goimbus" not in SCRIPT.read_text()
    until_gateways_report(system)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT)),
        env={"PATH": os.environ["PATH"], "NATS_URL": system.nats_url}
        | {"GOIM_API_KEY": api_key(system)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    made, left = output.decode().splitlines()
    assert made.startswith(f"{len(CALLS) - len(OF_GATEWAYS)} calls made")
    events = "opened renamed described invited joined promoted demoted muted unmuted kicked banned"
    events += " unbanned invited joined regulated regulated handed_over left closed"
    assert made.endswith(events)
    left_over = set(left.split()[3:])
    assert left_over >= OF_GATEWAYS
    assert all("*" in one or ">" in one for one in left_over - OF_GATEWAYS)
